/** A real child writes into its log as fast as it can, while the process that rotates is killed over and over. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogSettings } from "../../src/contract/config.ts";
import { readJournalText } from "../../src/log-files/journal.ts";
import { linesForward } from "../../src/log-files/lines.ts";
import { LogFile } from "../../src/log-files/log-file.ts";
import { openLog } from "../../src/log-files/open.ts";
import { placeOf, rotatedFiles } from "../../src/log-files/place.ts";
import { LogRotator } from "../../src/log-files/rotator.ts";
import { until } from "../support/until.ts";

const BURSTS = 20;
const READ_BURSTS = 8;
const LINES_PER_BURST = 10_000;
const FILE_BYTES_MAX = 131_072;
const TIMEOUT_MS = 120_000;

/** A burst for each line that it is told; each line is one write, as a logger's is. */
const WRITER = `
  const { writeSync } = require("node:fs");
  let next = 0;
  for await (const _ of console) {
    const end = next + ${LINES_PER_BURST};
    for (; next < end; next += 1) writeSync(1, next + " ${"a line ".repeat(20)}\\n");
    if (next === ${BURSTS * LINES_PER_BURST}) break;
  }
`;
const runner = (folder: string): string => `
  import { LogRotator } from ${JSON.stringify(join(import.meta.dir, "../../src/log-files/rotator.ts"))};
  const fail = (text) => { console.log(text); process.exit(1); };
  const rotator = new LogRotator({
    folders: [${JSON.stringify(folder)}],
    settings: () => ({ file_bytes_max: ${FILE_BYTES_MAX}, files_kept: 1000 }),
    log: { debug: fail, info: fail, warn: fail, error: fail },
  });
  for (;;) await rotator.look();
`;

let folder: string;
const processes: Bun.Subprocess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-rotator-"));
});
afterEach(async () => {
  for (const one of processes.splice(0)) {
    one.kill("SIGKILL");
    await one.exited;
  }
  await rm(folder, { recursive: true, force: true });
});

function spawn(source: string, stdout: number | "inherit") {
  const child = Bun.spawn([process.execPath, "-e", source], {
    stdin: "pipe",
    stdout,
    stderr: "inherit",
  });
  processes.push(child);
  return child;
}

test(
  "200,000 lines across rotations and kills -9 are each found once",
  async () => {
    const place = placeOf(folder, "child");
    const fd = openLog(place.current);
    const writer = spawn(WRITER, fd);
    closeSync(fd);
    for (let burst = 0; burst < BURSTS; burst += 1) {
      const rotating = spawn(runner(folder), "inherit");
      const before = readJournalText(place);
      await writer.stdin.write("go\n");
      await writer.stdin.flush();
      await until(() => readJournalText(place) !== before, { what: "a rotation" });
      // Whatever step it is at.
      expect(rotating.exitCode).toBeNull();
      rotating.kill("SIGKILL");
      await rotating.exited;
    }
    expect(await writer.exited).toBe(0);
    expect(rotatedFiles(place).length).toBeGreaterThan(BURSTS);

    let expected = 0;
    for (const { text } of linesForward(new LogFile(folder, "child"), 0)) {
      if (text.trim() === "") continue;
      if (Number.parseInt(text, 10) !== expected) throw new Error(`${expected} is not: ${text}`);
      expected += 1;
    }
    expect(expected).toBe(BURSTS * LINES_PER_BURST);
  },
  TIMEOUT_MS,
);

test(
  "a reader beside it all meets every line once",
  async () => {
    const place = placeOf(folder, "child");
    const fd = openLog(place.current);
    const writer = spawn(WRITER, fd);
    closeSync(fd);
    spawn(runner(folder), "inherit");
    const file = new LogFile(folder, "child");
    let offset = 0;
    let expected = 0;
    for (let burst = 1; burst <= READ_BURSTS; burst += 1) {
      await writer.stdin.write("go\n");
      await writer.stdin.flush();
      // Both are up then, and go on while this reads.
      await until(() => readJournalText(place) !== "", { what: "the first rotation" });
      const wanted = burst * LINES_PER_BURST;
      while (expected < wanted && writer.signalCode === null) {
        for (const { text, end } of linesForward(file, offset)) {
          offset = end;
          if (text.trim() === "") continue;
          if (!text.startsWith(`${expected} `)) throw new Error(`${expected} is not: ${text}`);
          expected += 1;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(expected).toBe(READ_BURSTS * LINES_PER_BURST);
    expect(rotatedFiles(place).length).toBeGreaterThan(READ_BURSTS);
  },
  TIMEOUT_MS,
);

test("a log that cannot be rotated is told once, and the others are rotated", async () => {
  const told: string[] = [];
  const tell = (message: string): void => {
    told.push(message);
  };
  const broken = placeOf(folder, "broken");
  await Bun.write(join(broken.journal, "in-the-way"), "");
  await Bun.write(broken.current, "line\n".repeat(30_000));
  await Bun.write(placeOf(folder, "well").current, "line\n".repeat(30_000));
  const rotator = new LogRotator({
    folders: [folder],
    settings: () => LogSettings.parse({ file_bytes_max: 65_536 }),
    log: { debug: tell, info: tell, warn: tell, error: tell },
  });
  await rotator.look();
  await rotator.look();
  expect(told).toHaveLength(1);
  expect(told[0]).toContain("broken.log");
  expect(rotatedFiles(placeOf(folder, "well")).length).toBeGreaterThan(0);
});
