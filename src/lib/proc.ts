/** Processes as the kernel tells them in /proc (proc(5)): who lives, since when, whose child, who holds a port. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isCertainlyFree } from "./port.ts";

export interface ProcessStat {
  pid: number;
  /** A zombie ("Z") or dead ("X") process runs nothing, though signals still find it. */
  alive: boolean;
  parent: number;
  group: number;
  session: number;
  /** Processor time of it and of its children that ended, in hundredths of a second (USER_HZ). */
  cpu_ticks: number;
  /** Clock ticks from boot to its start: with the pid, it names a process once and for ever. */
  start_ticks: number;
}

/** The ways in which the kernel says that there is no such process, or none that we may see. */
const NOT_THERE = ["ENOENT", "ESRCH", "EACCES", "EPERM"];

/** A file of a process; undefined when it is gone or another user's. What else fails (EMFILE) tells nothing of it. */
function processFile(path: string, encoding: "latin1" | "utf8" = "latin1"): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (NOT_THERE.includes(code)) return undefined;
    throw error;
  }
}

/** undefined when there is no such process, or none that we may see. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = processFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The program's name is in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0] ?? "X";
  return {
    pid,
    // A leader that is a zombie may still have threads, which hold its files until they end.
    alive: (state !== "Z" && state !== "X") || Number(fields[17]) > 1,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    // utime, stime, cutime, cstime
    cpu_ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0),
    start_ticks: Number(fields[19]),
  };
}

/** Whether the process with this pid is alive and the one that started at `startTicks`. */
export function isSameProcess(pid: number, startTicks: number): boolean {
  const stat = statOf(pid);
  return stat?.alive === true && stat.start_ticks === startTicks;
}

function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Every living process that we may see. */
export function allProcesses(): ProcessStat[] {
  return allPids().flatMap((pid) => {
    const stat = statOf(pid);
    return stat?.alive ? [stat] : [];
  });
}

/**
 * Pids of a process's children, zombies among them; those of each thread are listed apart (proc(5)).
 * One that ends while the list is read may hide another one from it.
 */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1")
        .split(" ")
        .filter((child) => child !== "")
        .map(Number),
    );
  } catch {
    // A thread that ended meanwhile, or a kernel without these lists: all processes are looked through.
    return allPids().filter((child) => statOf(child)?.parent === pid);
  }
}

/** Living processes below `pid`: its children, their children, and so on. */
export function descendantsOf(pid: number): ProcessStat[] {
  return childrenOf(pid).flatMap((child) => {
    const stat = statOf(child);
    return stat?.alive ? [stat, ...descendantsOf(child)] : [];
  });
}

/**
 * The memory that a process really costs, in bytes: its share of pages that others use as well (PSS),
 * or what is resident (RSS) when the kernel does not tell us the share. undefined when it is gone.
 */
export function memoryOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    // Another user's process, an old kernel, or gone: the next file tells which.
  }
  try {
    const text = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return undefined;
  }
}

/** Seconds since the machine started: what `start_ticks` counts in hundredths. */
export function uptimeSeconds(): number {
  return Number.parseFloat(readFileSync("/proc/uptime", "latin1"));
}

/** The words that a process was started with; none when it is gone. */
export function commandLineOf(pid: number): string[] {
  return (processFile(`/proc/${pid}/cmdline`, "utf8") ?? "").split("\0").filter(Boolean);
}

/** The value of one variable in the environment that a process was started with. */
export function startVariableOf(pid: number, name: string): string | undefined {
  const text = processFile(`/proc/${pid}/environ`, "utf8");
  if (text === undefined) return undefined;
  const prefix = `${name}=`;
  for (const entry of text.split("\0")) {
    if (entry.startsWith(prefix)) return entry.slice(prefix.length);
  }
  return undefined;
}

/** Living processes whose start environment has `name` with a value that `matches`; never this one itself. */
export function findByVariable(name: string, matches: (value: string) => boolean): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const pid of allPids()) {
    if (pid === process.pid) continue;
    const value = startVariableOf(pid, name);
    if (value === undefined || !matches(value)) continue;
    const stat = statOf(pid);
    if (stat?.alive) found.push(stat);
  }
  return found;
}

/**
 * Sends a signal to a process (or with a negative pid its group).
 * @returns false when nothing is there that we may signal: gone, or another user's under the same number
 */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}

const TCP_LISTEN = "0A";

/** Inodes of sockets that listen on `port`, on any local address. */
function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let text: string;
    try {
      text = readFileSync(table, "latin1");
    } catch {
      // A kernel without IPv6 has no tcp6.
      continue;
    }
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === TCP_LISTEN && fields[1]?.endsWith(`:${wanted}`) && fields[9]) {
        inodes.add(fields[9]);
      }
    }
  }
  return inodes;
}

export interface PortHolder {
  port: number;
  /** undefined when the holder belongs to another user and we may not look. */
  pid: number | undefined;
  program: string;
}

/** What an open file of a process is, such as `socket:[1234]`; undefined when it was closed meanwhile. */
function openFile(pid: number, fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    // Closed between the listing and now: the listing's own descriptor always is.
    return undefined;
  }
}

function holdsSocket(pid: number, inodes: Set<string>): boolean {
  let fds: string[];
  try {
    fds = readdirSync(`/proc/${pid}/fd`);
  } catch {
    // Another user's process, or one that ended meanwhile.
    return false;
  }
  return fds.some((fd) => {
    const file = openFile(pid, fd);
    return file?.startsWith("socket:[") === true && inodes.has(file.slice(8, -1));
  });
}

function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    // It ended since it was found.
    return "a program that just ended";
  }
}

/** Who listens on a TCP port of this machine; undefined when nobody does. */
export function holderOfPort(port: number): PortHolder | undefined {
  if (isCertainlyFree(port)) return undefined;
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  const pid = allPids().find((candidate) => holdsSocket(candidate, inodes));
  if (pid === undefined) return { port, pid, program: "a program of another user" };
  return { port, pid, program: programOf(pid) };
}
