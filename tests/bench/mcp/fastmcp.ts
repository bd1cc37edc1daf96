/** FastMCP, the server that most Python programs are made with: the same tool, without any login. */
import { resolve } from "node:path";
import { messageOf } from "../../../src/lib/errors.ts";
import { freePort } from "../../support/edge.ts";
import { pythonPackage } from "../../support/python-package.ts";
import { until } from "../../support/until.ts";
import { callsAt, type Served } from "./subject.ts";

const VERSION = "4.2.3";
const PATH = "/mcp";
const START_TIMEOUT_MS = 30_000;

/** @returns why it cannot be measured, where there is no Python, or no way to the package */
export async function startFastMcp(): Promise<(Served & { stop(): Promise<void> }) | string> {
  let programs: string;
  try {
    programs = await pythonPackage("fastmcp", VERSION);
  } catch (error) {
    return messageOf(error);
  }
  const port = freePort();
  const program = resolve(import.meta.dir, "fastmcp_server.py");
  const child = Bun.spawn([`${programs}/python`, program, String(port)], {
    ...{ stdin: "ignore", stdout: "ignore", stderr: "inherit" },
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  try {
    const calls = await until(() => callsAt({ port, modern: PATH, session: PATH, headers: {} }), {
      ...{ timeoutMs: START_TIMEOUT_MS, what: "FastMCP to answer" },
    });
    return { pids: () => [child.pid], ...calls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
