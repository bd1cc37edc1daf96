/** An edge without any guard, in front of a real Luna: what a probe has to get through for the test of a guard to mean something. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/edge.ts";
import type { Luna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

interface NaiveEdge {
  port: number;
  /** Of Caddy's admin API, which is on TCP unless somebody says otherwise. */
  adminPort: number;
  stop(): Promise<void>;
}

/** Adds the tokens to everybody's requests, and asks nobody who they are. */
function caddyfile({ ports, credentials }: Luna, port: number, adminPort: number): string {
  const proxy = (to: number, token: string) => `reverse_proxy 127.0.0.1:${to} {
      header_up Host {upstream_hostport}
      header_up Authorization "Bearer ${token}"
    }`;
  return `{
  admin 127.0.0.1:${adminPort}
  auto_https off
}
:${port} {
  bind 127.0.0.1
  handle_path /api/supervisor/* {
    ${proxy(ports.supervisor, credentials.supervisorToken)}
  }
  handle_path /api/agent/* {
    ${proxy(ports.agent, credentials.agentKey)}
  }
  handle_path /extension/* {
    rewrite * /{http.request.uri.path.1}
    reverse_proxy 127.0.0.1:{http.request.header.X-Upstream-Port}
  }
  handle {
    ${proxy(ports.hub, "")}
  }
}
`;
}

export async function startNaiveEdge(luna: Luna): Promise<NaiveEdge> {
  const folder = await mkdtemp(join(tmpdir(), "luna-naive-"));
  const [port, adminPort] = [freePort(), freePort()];
  const file = join(folder, "Caddyfile");
  await writeFile(file, caddyfile(luna, port, adminPort));
  const program = Bun.which("caddy");
  if (program === null) throw new Error("These tests need the caddy program on PATH");
  const caddy = Bun.spawn([program, "run", "--config", file, "--adapter", "caddyfile"], {
    env: { PATH: Bun.env["PATH"] ?? "", HOME: folder },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0, {
    what: "the naive edge to answer",
  });
  return {
    port,
    adminPort,
    stop: async () => {
      caddy.kill("SIGTERM");
      await caddy.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
