/** The socket of a tool host: a link at a fixed path to a socket that is named after the process. */
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { statOf } from "../lib/proc.ts";

const SUFFIX = ".sock";
const TARGET = /^[a-z0-9_-]+\.([1-9]\d{0,9})\.sock$/;

/**
 * Whoever calls reads the link first, and so knows the pid of exactly the process it connects to,
 * even when that one no longer answers: a newer host is never mistaken for it.
 */
export interface HostSocket {
  /** Where the process itself listens. */
  path: string;
  pid: number;
}

/** Where the process `pid` listens, when its socket is to be found at `link`. */
export function hostSocketPath(link: string, pid: number): string {
  return `${link.slice(0, -SUFFIX.length)}.${pid}${SUFFIX}`;
}

/** The host that is published at `link`, if any; it may have died since. */
export function currentHostSocket(link: string): HostSocket | undefined {
  let target: string;
  try {
    target = readlinkSync(link);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // EINVAL: something that is no link, left by someone else; publishing replaces it.
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw error;
  }
  const pid = TARGET.exec(target)?.[1];
  return pid === undefined ? undefined : { path: join(dirname(link), target), pid: Number(pid) };
}

/**
 * Makes the listening process `pid` the one at `link`, in one step, and clears what one that is dead left there.
 * One that lives may have calls to go on with, and clears up after itself.
 */
export function publishHostSocket(link: string, pid: number): void {
  const before = currentHostSocket(link);
  const temporary = `${link}.${pid}.tmp`;
  rmSync(temporary, { force: true });
  symlinkSync(basename(hostSocketPath(link, pid)), temporary);
  renameSync(temporary, link);
  const isLeft = before !== undefined && before.pid !== pid && statOf(before.pid)?.alive !== true;
  if (isLeft) rmSync(before.path, { force: true });
}

/** Takes the process `pid` from `link`, so that nobody new connects; a newer one stays. */
export function unpublishHostSocket(link: string, pid: number): void {
  if (currentHostSocket(link)?.pid === pid) rmSync(link, { force: true });
}

/** Removes all that the process `pid` left at `link`: for its own end, and for whoever sees it dead. */
export function removeHostSocket(link: string, pid: number): void {
  unpublishHostSocket(link, pid);
  const path = hostSocketPath(link, pid);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}
