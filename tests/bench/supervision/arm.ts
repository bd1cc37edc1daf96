/** A supervisor under test, whichever it is: what all arms have in common. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../support/until.ts";
import { crasherSleeps, writeServer } from "./children.ts";

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 1;
const RECOVERY_TIMEOUT_MS = 10_000;

/** What an arm needs of its surroundings. */
interface Site {
  /** Its own, and removed afterwards. */
  folder: string;
  /** Free for the server. */
  port: number;
}

/** A supervisor that runs both children. */
interface Supervisor {
  /** Where the server listens. */
  port: number;
  /** The processes that supervise: their memory and time are the arm's. */
  pids: readonly number[];
  /** Makes it forget the last kill, so that each kill is the first one after a good run. */
  forgetKill?(): Promise<void>;
  stop(): Promise<void>;
}

export interface Arm {
  name: string;
  /** What has to be installed first, or undefined when all is there. */
  lacks(): Promise<string | undefined>;
  start(site: Site): Promise<Supervisor>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  return address.port;
}

/** The pid that the server says it has; undefined when it does not answer. */
async function pidAt(port: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: "close" } });
    return Number(await response.text());
  } catch {
    return undefined; // Nobody listens, or not any more.
  }
}

export interface RunningArm {
  name: string;
  folder: string;
  supervisor: Supervisor;
  stop(): Promise<void>;
}

/** Starts an arm, and waits until both of its children run. */
export async function startArm(arm: Arm): Promise<RunningArm> {
  const folder = await mkdtemp(join(tmpdir(), "luna-bench-"));
  await writeServer(folder);
  let supervisor: Supervisor | undefined;
  const stop = async (): Promise<void> => {
    await supervisor?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const started = await arm.start({ folder, port: await freePort() });
    supervisor = started;
    const bound = { timeoutMs: START_TIMEOUT_MS, what: `the children of ${arm.name} to run` };
    await until(async () => (await pidAt(started.port)) && (await crasherSleeps(folder)), bound);
    return { name: arm.name, folder, supervisor: started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Kills the server and waits for another one. @returns milliseconds from the kill to its first answer */
export async function killOnce({ name, supervisor }: RunningArm): Promise<number> {
  const { port } = supervisor;
  const before = await pidAt(port);
  if (before === undefined) throw new Error(`The server of ${name} does not answer`);
  const began = performance.now();
  process.kill(before, "SIGKILL");
  for (;;) {
    const now = await pidAt(port);
    const passed = performance.now() - began;
    if (now !== undefined && now !== before) return passed;
    if (passed > RECOVERY_TIMEOUT_MS) throw new Error(`${name} started no other server`);
    await Bun.sleep(POLL_MS);
  }
}
