/** Runs a program under strace(1): what it did to its files, and faults put into single system calls. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTextIfThere } from "../../src/lib/files.ts";
import { until } from "../support/until.ts";

/** Every call by which a file's content or name can change, and those that make a change last. */
export const FILE_CALLS = [
  "openat",
  "write",
  "pwrite64",
  "fsync",
  "fdatasync",
  "rename",
  "renameat",
  "renameat2",
  "ftruncate",
] as const;
export type FileCall = (typeof FILE_CALLS)[number];

export interface Call {
  thread: number;
  name: FileCall;
  /** What it acts on; of a rename, the new name. In the home, relative to it; without a temporary name's digits. */
  path: string;
  /** Of a rename, the old name. */
  from: string | undefined;
  /** How many calls of this name its thread had made with it: what strace's `when=` counts. */
  count: number;
}

export interface Trace {
  calls: readonly Call[];
  killed: boolean;
}

interface TracedOptions {
  command: readonly string[];
  environment: Record<string, string>;
  cwd: string;
  /** Where strace writes. */
  log: string;
  /** Calls to look at; those that are injected must be among them. */
  calls?: readonly string[];
  /** Only calls on these very paths. */
  paths?: readonly string[];
  /** Where the program's own output goes. */
  output?: Bun.BunFile;
  /** As strace takes it, such as `fsync:signal=KILL:when=3`. */
  inject?: string;
}

const STRACE = Bun.which("strace");

/** Starts `command` under strace, which ends with it. */
export function startTraced(options: TracedOptions) {
  if (STRACE === null) throw new Error("strace is not installed: apt-get install strace");
  const { calls = FILE_CALLS, paths = [], inject, output = "ignore" } = options;
  const command = [
    ...[STRACE, "-f", "-y", "-o", options.log, "-s", "0"],
    ...["-e", `trace=${calls.join(",")}`],
    ...(inject === undefined ? [] : ["-e", `inject=${inject}`]),
    ...paths.flatMap((path) => ["-P", path]),
    ...options.command,
  ];
  return Bun.spawn(command, {
    cwd: options.cwd,
    env: options.environment,
    stdin: "ignore",
    stdout: output,
    stderr: output,
  });
}

const ATTACH_TIMEOUT_MS = 10_000;

/**
 * Puts a fault into the system calls of processes that run already.
 * @param inject as strace takes it, such as `fsync:delay_enter=200ms`
 * @returns what takes it away again, and answers whether the fault was met
 */
export async function injectInto(
  pids: readonly number[],
  inject: string,
): Promise<() => Promise<boolean>> {
  if (STRACE === null) throw new Error("strace is not installed: apt-get install strace");
  const folder = await mkdtemp(join(tmpdir(), "luna-strace-"));
  const log = join(folder, "log");
  const [calls = ""] = inject.split(":");
  const command = [
    ...[STRACE, "-f", "-o", log, "-s", "0"],
    ...["-e", `trace=${calls}`, "-e", `inject=${inject}`],
  ];
  const strace = Bun.spawn([...command, ...pids.flatMap((pid) => ["-p", String(pid)])], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const end = async (): Promise<boolean> => {
    strace.kill("SIGTERM");
    await strace.exited;
    const text = await readTextIfThere(log);
    await rm(folder, { recursive: true });
    return /\(INJECTED\)|\(DELAYED\)|killed by SIGKILL/.test(text ?? "");
  };
  try {
    await until(
      async () => {
        const statuses = pids.map((pid) => readTextIfThere(`/proc/${pid}/status`));
        // One that is gone has met its fault already.
        const isTraced = (text = "TracerPid: 1"): boolean => /^TracerPid:\s+[1-9]/m.test(text);
        return (await Promise.all(statuses)).every(isTraced);
      },
      { timeoutMs: ATTACH_TIMEOUT_MS, what: "strace to be attached" },
    );
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}

/** The pid of the program that a strace runs; undefined when it has none (any more). */
export async function tracedPid(strace: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${strace}/task/${strace}/children`, "utf8").catch(() => "");
  return Number(text.trim().split(" ")[0]) || undefined;
}

const CALL = /^(\d+) +(\w+)\((.*)$/;
const FIRST_DESCRIPTOR = /^\d+<([^>]*)>/;
const QUOTED = /"([^"]*)"/g;
const TEMPORARY = /\.\d+\.[0-9a-f]{8}\.tmp$/;

function isFileCall(name: string): name is FileCall {
  return FILE_CALLS.some((one) => one === name);
}

/** Reads what strace wrote. */
export function parseTrace(text: string, home: string): Trace {
  const counts = new Map<string, number>();
  const short = (path: string): string => {
    if (path === home) return ".";
    return (path.startsWith(`${home}/`) ? path.slice(home.length + 1) : path).replace(
      TEMPORARY,
      ".tmp",
    );
  };
  const calls: Call[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", name = "", rest = ""] = CALL.exec(line) ?? [];
    if (!isFileCall(name)) continue;
    const key = `${thread} ${name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const quoted = [...rest.matchAll(QUOTED)].map((match) => short(match[1] ?? ""));
    const descriptor = FIRST_DESCRIPTOR.exec(rest)?.[1];
    const path = descriptor === undefined ? (quoted.at(-1) ?? "") : short(descriptor);
    const from = name.startsWith("rename") ? quoted[0] : undefined;
    calls.push({ thread: Number(thread), name, path, from, count });
  }
  return { calls, killed: /\+\+\+ killed by SIGKILL/.test(text) };
}
