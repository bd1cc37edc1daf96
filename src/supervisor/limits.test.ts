/** Tests which limits a process starts with, and that it starts even when it cannot be limited. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import { LimitSettings, MasterConfig } from "../contract/config.ts";
import { ProcessKind } from "../contract/process.ts";
import { createLogger } from "../lib/log.ts";
import { Limits, limitsOf } from "./limits.ts";
import type { ProcessSpec } from "./process/managed-process.ts";
import { ProcessGroups } from "./process/process-groups.ts";

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-limits-"));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function limitsIn(tree: string, last: MasterConfig | undefined = undefined) {
  const sites = [{ version: 1 as const, folder: tree, controllers: ["memory", "pids"] as const }];
  const refusals = [{ controller: "pids" as const, why: "a reason" }];
  return new Limits({
    home: folder,
    config: { last },
    log: createLogger("test", [], (line) => lines.push(line)),
    groups: new ProcessGroups({ home: "h", isOurs: () => false, sites, refusals }),
  });
}

function spec(kind: ProcessKind, onEnd?: (pid: number) => void): ProcessSpec {
  return {
    ...{ name: "one", label: "One", kind, command: ["true"], cwd: folder, mark: "m", path: null },
    ...{ environment: async () => ({}), log: join(folder, "log"), port: null, stop_grace_ms: 1 },
    ...{ probe: { alive: true }, restart: "always" },
    ...(onEnd === undefined ? {} : { onEnd }),
  };
}

test("only what others wrote is limited by default", () => {
  const settings = LimitSettings.parse({});
  const limited = ProcessKind.options.filter(
    (kind) =>
      limitsOf(kind, settings).memory_bytes !== null && limitsOf(kind, settings).pids !== null,
  );
  expect(limited).toEqual(["tool-host", "ui", "service"]);
});

test("a limit too small to start anything is refused with the configuration", () => {
  expect(MasterConfig.safeParse({ limits: { core: { memory_bytes: 1 } } }).success).toBe(false);
});

test("a process gets the limits that the configuration has at its start", () => {
  const config = MasterConfig.parse({ limits: { core: { pids: 99 } } });
  limitsIn(folder, config)
    .apply(spec("core"))
    .group?.start(() => undefined);
  expect(readFileSync(join(folder, "luna-h.one/pids.max"), "utf8")).toBe("99");
  expect(existsSync(join(folder, "luna-h.one/memory.limit_in_bytes"))).toBe(false);
});

test("the group goes with the process, after what else there is to clear up", async () => {
  const ended: number[] = [];
  const limited = limitsIn(folder).apply(spec("service", (pid) => ended.push(pid)));
  limited.group?.start(() => undefined);
  const path = join(folder, "luna-h.one");
  // The kernel's own files do not keep it from removing the folder.
  for (const file of ["pids.max", "memory.limit_in_bytes", "tasks"]) rmSync(join(path, file));
  limited.onEnd?.(7);
  expect(ended).toEqual([7]);
  await until(() => !existsSync(path));
});

test("what keeps the process itself from starting is not taken for a matter of limits", () => {
  const fail = (): never => {
    throw new Error("no such program");
  };
  expect(() => limitsIn(folder).apply(spec("service")).group?.start(fail)).toThrow(
    "no such program",
  );
  expect(lines.filter((line) => line.includes("Cannot limit"))).toEqual([]);
});

test("that nothing can be limited is said once, and processes start", () => {
  const tree = join(folder, "file");
  writeFileSync(tree, "");
  const limits = limitsIn(tree);
  for (const start of ["first", "second"]) {
    expect(limits.apply(spec("service")).group?.start(() => start)).toBe(start);
  }
  const said = (text: string) => lines.filter((line) => line.includes(text));
  expect(said("Cannot limit what processes take")).toHaveLength(1);
  expect(said("No limits of pids here: a reason")).toHaveLength(1);
});
