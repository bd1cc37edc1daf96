/** Checks that what killed writers left is removed in every folder in which Luna writes, and nothing else is. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { layOutHome, removeLeftOvers } from "./home.ts";
import { type Paths, pathsOf } from "./paths.ts";

let paths: Paths;
beforeEach(async () => {
  paths = pathsOf(await mkdtemp(join(tmpdir(), "luna-home-")));
  await layOutHome(paths);
});
afterEach(() => rm(paths.home, { recursive: true }));

/** What is replaced in one step, with a writer that died in the middle of it. */
const written = (): string[] => [
  ...[paths.env, paths.state, paths.masterConfig, paths.apiKeys, paths.routes, paths.caddyfile],
  ...[paths.coreUpdate, paths.updateQueue, paths.updateQueueFailed, paths.updateRetryCount],
  ...[paths.store, paths.serviceRegistry, paths.serviceRoutes, paths.toolsFile("notes")],
  ...[paths.sdk, join(paths.bin, "bun"), join(paths.run, "notes.sock"), join(paths.python, "luna")],
  join(paths.extensions, ".notes"),
  join(paths.extensions, "notes", "config.json"),
  join(paths.extensions, "notes", "tools", "tool_config.json"),
  paths.externalService("box").definition,
  paths.externalService("box").config,
  join(paths.runs, "one", "plan.json"),
  join(paths.pythonEnvironments, "one", "complete.json"),
];

test("a killed writer's temporary file is removed from every folder; a living one's and a user's stay", async () => {
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const left = written().map((path) => `${path}.${ended.pid}.0123abcd.tmp`);
  const kept = written().flatMap((path) => [
    `${path}.${process.ppid}.0123abcd.tmp`,
    `${path}.mine.tmp`,
  ]);
  for (const path of [...left, ...kept]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "half");
  }
  await removeLeftOvers(paths);
  expect(left.filter((path) => existsSync(path))).toEqual([]);
  expect(kept.filter((path) => !existsSync(path))).toEqual([]);
});
