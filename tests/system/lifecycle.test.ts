/** Starting and stopping the compiled Luna: its home, lock, ports, state, and that nothing is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOfHome } from "../../src/config/mark.ts";
import { StateFile } from "../../src/contract/process.ts";
import { findByVariable } from "../../src/lib/proc.ts";
import { BINARY, freeOffset, type Luna, runLuna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const STOP_MS_MAX = 5_000;
const CORE = ["auth", "agent", "mcp", "hub", "caddy"];

function socketsIn(luna: Luna): string[] {
  return [luna.paths.luna, luna.paths.run].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith(".sock")),
  );
}

function mode(path: string): number {
  return statSync(path).mode & 0o777;
}

describe("a running Luna", () => {
  let luna: Luna;
  beforeAll(async () => {
    luna = await startLuna();
  });
  afterAll(() => luna.remove());

  test("tells each part with its address, the link and the next step", () => {
    const output = luna.output();
    for (const label of ["Proxy", "Sign-in", "Agent API", "MCP", "Hub"]) {
      expect(output).toMatch(new RegExp(`ok  ${label} .*${luna.url}.* ms`));
    }
    expect(output).toContain("Next:");
    expect(luna.link).toStartWith(`${luna.url}/login#t=`);
  });

  test("keeps state.json as the specification says", async () => {
    const state = StateFile.parse(JSON.parse(await readFile(luna.paths.state, "utf8")));
    for (const name of CORE) {
      const record = state.services[name];
      expect(record).toMatchObject({ status: "running", health: "healthy", restarts: 0 });
      expect(record?.pid).toBeGreaterThan(0);
      expect(record?.port).toBeGreaterThan(10_000);
      expect(Date.parse(record?.last_check ?? "")).toBeGreaterThan(
        Date.parse(record?.started_at ?? ""),
      );
    }
  });

  test("listens on loopback alone", async () => {
    const ports = new Set(Object.values(luna.ports));
    const seen = new Set<number>();
    for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
      for (const line of (await readFile(table, "latin1")).split("\n").slice(1)) {
        const [, local = "", , state] = line.trim().split(/\s+/);
        const [address, hexPort = ""] = local.split(":");
        const port = Number.parseInt(hexPort, 16);
        if (state !== "0A" || !ports.has(port)) continue;
        expect(address).toBe("0100007F");
        seen.add(port);
      }
    }
    expect(seen).toEqual(ports);
  });

  test("answers nothing to who has no token, on any port", async () => {
    const call = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect((await call(luna.ports.supervisor, "/overview")).status).toBe(401);
    expect((await call(luna.ports.supervisor, "/services/status")).status).toBe(401);
    expect((await call(luna.ports.supervisor, "/health")).status).toBe(200);
    expect((await call(luna.ports.agent, "/v1/models")).status).toBe(401);
    expect((await call(luna.ports.auth, "/verify")).status).toBe(401);
    expect((await call(luna.ports.mcp, "/api/mcp-x/mcp")).status).toBe(401);
    const rebound = await fetch(`http://127.0.0.1:${luna.ports.supervisor}/health`, {
      headers: { Host: "evil.example" },
    });
    expect(rebound.status).toBe(403);
  });

  test("status tells the same, for people and for programs", async () => {
    const people = await luna.run("status");
    expect(people.code).toBe(0);
    expect(people.stdout).toContain("Agent API");
    const programs = await luna.run("status", "--json");
    expect(JSON.parse(programs.stdout)).toMatchObject({ phase: "running", problems: [] });
  });

  test("a second one in the same home says who runs, and changes nothing", async () => {
    const before = await luna.state();
    const second = await luna.run("up");
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`pid ${luna.pid},`);
    expect(second.stderr).toContain("it runs there already");
    const after = await luna.state();
    for (const name of CORE)
      expect(after.services[name]?.pid).toBe(before.services[name]?.pid ?? 0);
  });

  test("no secret is in a command line, a log or the state", async () => {
    const secrets = Object.values(luna.credentials);
    const texts = [
      await readFile(luna.paths.state, "utf8"),
      await readFile(luna.paths.caddyfile, "utf8"),
    ];
    for (const { pid } of luna.processes())
      texts.push(await readFile(`/proc/${pid}/cmdline`, "utf8"));
    const logs = readdirSync(luna.paths.logs);
    for (const name of logs) texts.push(await readFile(join(luna.paths.logs, name), "utf8"));
    expect(logs).toContain("supervisor.log");
    expect(texts.length).toBeGreaterThan(CORE.length);
    for (const text of texts) for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

describe("the end", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    test(`${signal} stops all in time and leaves no process, socket or lock`, async () => {
      const luna = await startLuna();
      try {
        const began = performance.now();
        expect(await luna.stop(signal)).toBe(0);
        expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
        expect(luna.processes()).toEqual([]);
        expect(socketsIn(luna)).toEqual([]);
        expect(existsSync(luna.paths.lock)).toBe(false);
        const { services } = await luna.state();
        for (const name of CORE) expect(services[name]?.status).toBe("stopped");
      } finally {
        await luna.remove();
      }
    });
  }

  test("luna down stops it, says so, and is content when nothing runs", async () => {
    const luna = await startLuna();
    try {
      const down = await luna.run("down");
      expect(down).toMatchObject({
        code: 0,
        stdout: "Luna has stopped; nothing is left running.\n",
      });
      expect(await luna.exited).toBe(0);
      expect(luna.processes()).toEqual([]);
      expect(existsSync(luna.paths.lock)).toBe(false);
      expect((await luna.run("down")).stdout).toBe("Luna was not running.\n");
      expect((await luna.run("status")).code).toBe(4);
    } finally {
      await luna.remove();
    }
  });

  test("a stop during the start leaves nothing either", async () => {
    const home = await mkdtemp(join(tmpdir(), "luna-home-"));
    const offset = freeOffset();
    const isOurs = isOfHome(home);
    const ours = () => findByVariable("LUNA_PROCESS_ID", isOurs);
    const child = Bun.spawn([BINARY, "up"], {
      env: {
        PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
        HOME: home,
        LUNA_HOME: home,
        LUNA_PORT_OFFSET: String(offset),
      },
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      await until(() => ours().length > 1, { what: "the first processes" });
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(ours()).toEqual([]);
    } finally {
      child.kill("SIGKILL");
      await rm(home, { recursive: true, force: true });
    }
  });
});

test("the binary alone, in an empty folder, with nothing but Caddy on the machine", async () => {
  const home = await mkdtemp(join(tmpdir(), "luna-alone-"));
  const programs = join(home, "programs");
  const folder = join(home, "luna");
  const offset = freeOffset();
  await mkdir(programs);
  await mkdir(folder);
  await symlink(Bun.which("caddy") ?? "/usr/bin/caddy", join(programs, "caddy"));
  await cp(BINARY, join(folder, "luna"));
  const environment = { PATH: programs, HOME: home, LUNA_PORT_OFFSET: String(offset) };
  const child = Bun.spawn([join(folder, "luna"), "up"], {
    cwd: folder,
    env: environment,
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    // The control API answers before the rest is there.
    const health = await until(async () => {
      const response = await fetch(`http://127.0.0.1:${9999 + offset}/health`);
      return response.json();
    });
    expect(health).toMatchObject({ status: "healthy", phase: "starting" });
    let output = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      output += decoder.decode(chunk, { stream: true });
      if (output.includes("Stop: Ctrl-C")) break;
    }
    expect(output).toContain("Ready in");
    expect(mode(join(folder, ".env"))).toBe(0o600);
    expect(mode(join(folder, ".luna"))).toBe(0o700);
    for (const path of ["logs", "external_services", "extensions/notes/tools/notes_tools.ts"]) {
      expect(existsSync(join(folder, path))).toBe(true);
    }
    const { services } = StateFile.parse(
      JSON.parse(await readFile(join(folder, ".luna/state.json"), "utf8")),
    );
    expect(Object.keys(services).sort()).toEqual([...CORE].sort());
    // Nothing is written beside the home.
    expect(readdirSync(home).sort()).toEqual(["luna", "programs"]);
  } finally {
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(findByVariable("LUNA_PROCESS_ID", isOfHome(folder))).toEqual([]);
    await rm(home, { recursive: true, force: true });
  }
});

test("fault 10: a taken port is named with pid and program, and its holder is left alone", async () => {
  const offset = freeOffset();
  const server = createServer().listen(8080 + offset, "127.0.0.1");
  const home = await mkdtemp(join(tmpdir(), "luna-home-"));
  try {
    const { code, stderr } = await runLuna(["up"], {
      PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
      HOME: home,
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(offset),
    });
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${8080 + offset} by `);
    expect(stderr).toContain(`(pid ${process.pid})`);
    expect(stderr).toContain("LUNA_PORT_OFFSET");
    expect(server.listening).toBe(true);
    expect(existsSync(join(home, ".luna/lock"))).toBe(false);
  } finally {
    server.close();
    await rm(home, { recursive: true, force: true });
  }
});

test("what cannot be understood says what there is, with exit code 2 or 1", async () => {
  const environment = { PATH: "/usr/bin:/bin" };
  const unknown = await runLuna(["fly"], environment);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('Cannot run "luna fly"');
  expect(unknown.stderr).toContain("login-link");
  const near = await runLuna(["docter"], environment);
  expect(near).toMatchObject({ code: 2, stderr: expect.stringContaining('mean "doctor"?') });
  const option = await runLuna(["status", "--jsno"], environment);
  expect(option).toMatchObject({ code: 2, stderr: expect.stringContaining('mean "--json"?') });
  const offset = await runLuna(["status"], { ...environment, LUNA_PORT_OFFSET: "many" });
  expect(offset.code).toBe(1);
  expect(offset.stderr).toContain("LUNA_PORT_OFFSET");
  const help = await runLuna(["--help"], environment);
  expect(help.stdout).toContain("Usage: luna <command>");
  const ofKeys = await runLuna(["keys", "--help"], environment);
  expect(ofKeys).toMatchObject({ code: 0, stdout: expect.stringContaining("[--expires 90d") });
});
