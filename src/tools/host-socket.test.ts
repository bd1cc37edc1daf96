/** The link to a tool host's socket. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  currentHostSocket,
  hostSocketPath,
  publishHostSocket,
  removeHostSocket,
  unpublishHostSocket,
} from "./host-socket.ts";

/** Above what any Linux gives out (PID_MAX_LIMIT). */
const DEAD = 4_194_305;

let run: string;
let link: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "luna-run-"));
  link = join(run, "notes.sock");
});
afterEach(() => rmSync(run, { recursive: true }));

test("a published host is found with its pid; a newer one takes its place and clears it away", () => {
  expect(currentHostSocket(link)).toBeUndefined();
  const path = hostSocketPath(link, DEAD);
  const old = Bun.listen({ unix: path, socket: { data() {} } });
  publishHostSocket(link, DEAD);
  expect(currentHostSocket(link)).toEqual({ path, pid: DEAD });
  publishHostSocket(link, 12);
  expect(currentHostSocket(link)).toEqual({ path: join(run, "notes.12.sock"), pid: 12 });
  expect(existsSync(path)).toBe(false);
  old.stop();
});

test("only the host at the link is taken from it", () => {
  publishHostSocket(link, 12);
  unpublishHostSocket(link, 11);
  expect(currentHostSocket(link)?.pid).toBe(12);
  unpublishHostSocket(link, 12);
  expect(currentHostSocket(link)).toBeUndefined();
});

test("what a host left is removed, link and socket", () => {
  const server = Bun.listen({ unix: hostSocketPath(link, 11), socket: { data() {} } });
  publishHostSocket(link, 11);
  expect(readdirSync(run)).toHaveLength(2);
  removeHostSocket(link, 11);
  expect(readdirSync(run)).toEqual([]);
  server.stop();
});

test("a file that is no link counts as nobody, and is replaced", () => {
  writeFileSync(link, "");
  expect(currentHostSocket(link)).toBeUndefined();
  publishHostSocket(link, 11);
  expect(currentHostSocket(link)?.pid).toBe(11);
});
