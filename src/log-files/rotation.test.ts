/** No line is lost or doubled, whatever step a rotation is cut off at, and on every kind of file system. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SHRINKER, type Shrinker } from "../lib/fallocate.ts";
import { linesForward } from "./lines.ts";
import { LogFile } from "./log-file.ts";
import { openLog } from "./open.ts";
import { type LogPlace, placeOf, rotatedFiles } from "./place.ts";
import { type RotationOptions, rotate, rotationSteps } from "./rotation.ts";

const FILE_BYTES_MAX = 16_384;
const ROUNDS = 3;
/** More than one rotated file at each rotation. */
const LINES_PER_ROUND = 1_500;

const HOLES_ONLY: Shrinker = { ...SHRINKER, collapse: () => false };
const NOTHING: Shrinker = { collapse: () => false, punch: () => false };

let folder: string;
let place: LogPlace;
let written: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-logs-"));
  place = placeOf(folder, "one");
  written = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function optionsWith(shrinker: Shrinker, files_kept = 1_000): RotationOptions {
  return { place, shrinker, settings: { file_bytes_max: FILE_BYTES_MAX, files_kept } };
}

/** Appends as a child does; lines of different lengths, so that cuts fall into their middle. */
function write(count: number): void {
  let text = "";
  for (let i = 0; i < count; i += 1) {
    text += `${written} ${"x".repeat(written % 37)}\n`;
    written += 1;
  }
  appendFileSync(place.current, text);
}

function numbersRead(): number[] {
  const file = new LogFile(folder, "one");
  return [...linesForward(file, 0)]
    .filter(({ text }) => text.trim() !== "")
    .map(({ text }) => Number(text.split(" ")[0]));
}

/** Whether the file system of temporary files can remove the beginning of a file; tmpfs cannot. */
function canCollapse(): boolean {
  const path = join(folder, "probe");
  writeFileSync(path, "x".repeat(2 * FILE_BYTES_MAX));
  const fd = openSync(path, "r+");
  const can = SHRINKER.collapse(fd, FILE_BYTES_MAX);
  closeSync(fd);
  return can;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function stepsOf(options: RotationOptions): Promise<string[]> {
  const names: string[] = [];
  for await (const name of rotationSteps(options)) names.push(name);
  return names;
}

for (const [what, shrinker] of [
  ["as the file system can", SHRINKER],
  ["with holes only", HOLES_ONLY],
  ["where nothing can be given back", NOTHING],
] as const) {
  test(`${what}: every line is there once after each step, and after a crash there`, async () => {
    write(LINES_PER_ROUND);
    const names = await stepsOf(optionsWith(shrinker));
    expect(names.length).toBeGreaterThan(8);
    let crashes = 0;
    for (let crashAt = 1; crashAt <= names.length; crashAt += 1) {
      write(LINES_PER_ROUND);
      let step = 0;
      for await (const name of rotationSteps(optionsWith(shrinker))) {
        step += 1;
        write(1);
        expect([name, numbersRead()]).toEqual([name, upTo(written)]);
        if (step === crashAt) break;
      }
      if (step === crashAt) crashes += 1;
      write(1);
      await rotate(optionsWith(shrinker));
      expect(numbersRead()).toEqual(upTo(written));
    }
    if (shrinker !== NOTHING) expect(crashes).toBe(names.length);
  }, 60_000);
}

test("the file that is written to stays small, and readable for a person", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    write(LINES_PER_ROUND);
    await rotate(optionsWith(SHRINKER));
  }
  // Two blocks at most, as only whole ones are given back.
  const { size, blocks, blksize } = statSync(place.current);
  expect(blocks * 512).toBeLessThanOrEqual(2 * blksize);
  if (canCollapse()) expect(size).toBeLessThan(2 * blksize);
  const text = readFileSync(place.current, "latin1").replace(canCollapse() ? "" : /^\0+/, "");
  expect(text).not.toContain("\0");
  expect(text.trimStart()).toMatch(/^\d+ x*\n/);
  for (const { path } of rotatedFiles(place)) {
    expect(readFileSync(path, "latin1")).toMatch(/^\d+ x*\n[\s\S]*\n$/);
  }
});

test("only so many files are kept, however much comes at once", async () => {
  const kept = 2;
  for (let round = 0; round < ROUNDS; round += 1) {
    write(10 * LINES_PER_ROUND);
    await rotate(optionsWith(SHRINKER, kept));
    const files = rotatedFiles(place);
    expect(files.length).toBe(kept);
    const bytes = files.reduce((sum, { start, end }) => sum + end - start, 0);
    expect(bytes).toBeLessThanOrEqual(kept * FILE_BYTES_MAX * 1.5);
  }
  const numbers = numbersRead();
  expect(numbers.length).toBeGreaterThan(1_000);
  expect(numbers).toEqual(upTo(written).slice(-numbers.length));
});

test("one endless line is rotated, too", async () => {
  appendFileSync(place.current, "a".repeat(3 * FILE_BYTES_MAX));
  await rotate(optionsWith(SHRINKER));
  appendFileSync(place.current, "b\n");
  const texts = [...linesForward(new LogFile(folder, "one"), 0)].map(({ text }) => text);
  expect(texts.join("")).toBe(`${"a".repeat(3 * FILE_BYTES_MAX)}b`);
  expect(rotatedFiles(place).length).toBeGreaterThan(0);
});

test("the next start of a process replaces a file with a hole, and loses nothing", async () => {
  for (const shrinker of [HOLES_ONLY, NOTHING]) {
    write(LINES_PER_ROUND);
    await rotate(optionsWith(shrinker));
    write(5);
    appendFileSync(place.current, "cut off");
    const { ino } = statSync(place.current);
    closeSync(openLog(place.current));
    expect(statSync(place.current).ino).not.toBe(ino);
    expect(statSync(place.current).size).toBe(0);
    write(LINES_PER_ROUND);
    await rotate(optionsWith(shrinker));
    expect(numbersRead().filter((number) => !Number.isNaN(number))).toEqual(upTo(written));
    await rm(folder, { recursive: true });
    closeSync(openLog(place.current));
    written = 0;
  }
});

test("a process begins with a line of its own", () => {
  appendFileSync(place.current, "panic: the end");
  const fd = openLog(place.current);
  appendFileSync(fd, "0 begin\n");
  closeSync(fd);
  expect(readFileSync(place.current, "latin1")).toBe("panic: the end\n0 begin\n");
});

test("a file that is emptied or removed by hand goes on from there", async () => {
  write(LINES_PER_ROUND);
  await rotate(optionsWith(SHRINKER));
  truncateSync(place.current);
  const from = written;
  write(LINES_PER_ROUND);
  await rotate(optionsWith(SHRINKER));
  expect(numbersRead().slice(-LINES_PER_ROUND)).toEqual(upTo(written).slice(from));
  await rm(place.current);
  closeSync(openSync(place.current, "a"));
  const again = written;
  write(LINES_PER_ROUND);
  await rotate(optionsWith(SHRINKER));
  expect(numbersRead().slice(-LINES_PER_ROUND)).toEqual(upTo(written).slice(again));
});
