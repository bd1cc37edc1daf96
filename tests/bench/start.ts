/** How long `luna up` takes, from the outside: a new home's first start, and the next one of the same home. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, freeOffset } from "../support/start-luna.ts";

/** A Luna that is not up by then is told to end. */
const TIMEOUT_MS = 20_000;
const US_PER_MS = 1_000;

export interface Start {
  /** From the spawn until the terminal says that every part is ready. */
  readyMs: number;
  /** From SIGTERM to the end of all. */
  stopMs: number;
  /** Processor time of the whole tree, from start to end. */
  cpuMs: number;
}

/** Starts Luna in `home` and stops it again. */
async function startOnce(home: string, signal: AbortSignal): Promise<Start> {
  const began = performance.now();
  const child = Bun.spawn([BINARY, "up"], {
    cwd: home,
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(freeOffset()),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    // Told to end, Luna leaves nothing behind.
    timeout: TIMEOUT_MS,
    signal,
  });
  let output = "";
  let readyMs = Number.NaN;
  let stopped = Number.NaN;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk, { stream: true });
    if (!Number.isNaN(readyMs) || !output.includes("Ready in")) continue;
    readyMs = performance.now() - began;
    stopped = performance.now();
    child.kill("SIGTERM");
  }
  await child.exited;
  if (Number.isNaN(readyMs)) throw new Error(`Luna did not get ready:\n${output}`);
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / US_PER_MS;
  return { readyMs, stopMs: performance.now() - stopped, cpuMs };
}

/** The first start of a new home, and the next one. */
export async function measureStarts(signal: AbortSignal): Promise<{ first: Start; next: Start }> {
  const home = await mkdtemp(join(tmpdir(), "luna-bench-"));
  try {
    return { first: await startOnce(home, signal), next: await startOnce(home, signal) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
