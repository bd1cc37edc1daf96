/** Tests of what /proc tells, against real processes. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../../tests/support/until.ts";
import { findByVariable, holderOfPort, isSameProcess, startVariableOf, statOf } from "./proc.ts";

test("a process is known by pid and start time, and is gone when it ended", async () => {
  const mark = crypto.randomUUID();
  const child = Bun.spawn(["sleep", "60"], {
    env: { LUNA_TEST_MARK: mark, PATH: "/usr/bin:/bin" },
  });
  try {
    const stat = await until(() => statOf(child.pid));
    expect(stat).toMatchObject({ pid: child.pid, alive: true, parent: process.pid });
    expect(isSameProcess(child.pid, stat.start_ticks)).toBe(true);
    expect(isSameProcess(child.pid, stat.start_ticks + 1)).toBe(false);
    await until(() => startVariableOf(child.pid, "LUNA_TEST_MARK") === mark);
    const found = findByVariable("LUNA_TEST_MARK", (value) => value === mark);
    expect(found.map(({ pid }) => pid)).toEqual([child.pid]);
    child.kill("SIGKILL");
    await child.exited;
    expect(isSameProcess(child.pid, stat.start_ticks)).toBe(false);
  } finally {
    child.kill("SIGKILL");
  }
});

test("the holder of a port is named with pid and program", () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = server.port ?? 0;
  const program = readFileSync("/proc/self/comm", "utf8").trim();
  expect(holderOfPort(port)).toMatchObject({ port, pid: process.pid, program });
  server.stop(true);
});

test("a free port has no holder", async () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = server.port ?? 0;
  await server.stop(true);
  await until(() => holderOfPort(port) === undefined);
});
