/** Pages of several logs: in the order of time, without a line lost or doubled between them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SHRINKER } from "../lib/fallocate.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { type Page, pageBackward, pageForward, spansNow } from "./page.ts";
import { placeOf } from "./place.ts";
import { rotate } from "./rotation.ts";
import { parsePattern, selectLogs } from "./select.ts";

const RUNS = 25;
const BEGAN = Date.parse("2031-01-01T00:00:00.000Z");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-pages-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  appendFileSync(placeOf(folder, name).current, text);
}

/** A structured line, `second` seconds after the beginning. */
function line(second: number, message: string, level = "info"): string {
  const time = new Date(BEGAN + second * 1000).toISOString();
  return `${JSON.stringify({ time, level, message })}\n`;
}

const files = (names?: string[]) => selectLogs([folder], names);
const told = ({ entries }: Page) => entries.map(({ line }) => `${line.source} ${line.message}`);
const rotateNow = (name: string) =>
  rotate({
    place: placeOf(folder, name),
    settings: { file_bytes_max: 4_096, files_kept: 1_000 },
    shrinker: SHRINKER,
  });

test("logs are merged by time, and lines without one stay behind theirs", async () => {
  write("b", line(2, "two") + line(5, "five"));
  write("a", `${line(1, "one")}  at one\n  at two\n${line(4, "four")}`);
  const page = await pageBackward({ files: files(), filter: {}, limit: 10 });
  expect(told(page)).toEqual(["a one", "a   at one", "a   at two", "b two", "a four", "b five"]);
  expect(page.entries[2]?.line.time).toBe("2031-01-01T00:00:01.000Z");
  expect(page.more).toBe(false);
});

test("a log without any time has that of its last change", async () => {
  write("plain", "hello\n");
  await utimes(placeOf(folder, "plain").current, BEGAN / 1000 + 3, BEGAN / 1000 + 3);
  write("a", line(1, "one") + line(5, "five"));
  const page = await pageBackward({ files: files(), filter: {}, limit: 10 });
  expect(told(page)).toEqual(["a one", "plain hello", "a five"]);
});

test("level, since, pattern and name say what is wanted", async () => {
  write("a", line(1, "one") + line(2, "two", "error") + line(3, "three", "warn"));
  write("b", line(2, "other", "error"));
  const filter = { level: "warn" as const, since: BEGAN + 2000, grep: parsePattern("t[wh]") };
  const page = await pageBackward({ files: files(["a"]), filter, limit: 10 });
  expect(told(page)).toEqual(["a two", "a three"]);
  expect(() => files(["a", "c"])).toThrow('Cannot show the log "c": there are a, b');
  expect(() => parsePattern("(")).toThrow('Cannot search for "("');
});

test("an unfinished line waits for its end, or is shown when asked for", async () => {
  write("a", `${line(1, "one")}half`);
  const filter = {};
  const page = await pageBackward({ files: files(), filter, limit: 10 });
  expect(told(page)).toEqual(["a one"]);
  const all = await pageBackward({ files: files(), filter, limit: 10, withUnfinished: true });
  expect(told(all)).toEqual(["a one", "a half"]);
  write("a", " and whole\n");
  const after = await pageForward({ files: files(), filter, limit: 10, after: page.spans });
  expect(told(after)).toEqual(["a half and whole"]);
});

test("keys are left out", async () => {
  write("a", `sk-abcdefghijkl told-by-name\n${line(1, "Bearer abcdefghijklmnop")}`);
  const secrets = ["told-by-name"];
  const page = await pageBackward({ files: files(), filter: {}, limit: 10, secrets });
  expect(told(page)).toEqual(["a [redacted] [redacted]", "a [redacted]"]);
});

test("what is looked through has a bound, and the cursor goes on from there", async () => {
  write("a", Array.from({ length: 1_000 }, (_, i) => line(i, `${i}`)).join(""));
  const filter = { grep: parsePattern('"5"') };
  const options = { files: files(), filter, limit: 10, scannedBytesMax: 20_000 };
  const found: string[] = [];
  let pages = 0;
  for (let before: Page["spans"] | undefined, more = true; more; pages += 1) {
    const page = await pageBackward({ ...options, before });
    found.unshift(...told(page));
    before = page.spans;
    more = page.more;
  }
  expect(found).toEqual(["a 5"]);
  expect(pages).toBeGreaterThan(2);
});

test("going back and forth by cursor meets every line once, across rotations", async () => {
  const Step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ name: fc.constantFrom("a", "b", "c"), lines: fc.nat(15) }),
    },
    { weight: 1, arbitrary: fc.constant("rotate" as const) },
  );
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(Step, { maxLength: 12 }),
      fc.integer({ min: 3, max: 30 }),
      async (steps, limit) => {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
        const all: string[] = [];
        const grow = async (): Promise<void> => {
          for (const step of steps) {
            if (step === "rotate") await rotateNow("a");
            else
              for (let i = 0; i < step.lines; i += 1) {
                write(step.name, line(all.length, `${all.length} ${"x".repeat(200)}`));
                all.push(`${step.name} ${all.length} ${"x".repeat(200)}`);
              }
          }
        };
        await grow();
        const middle = all.length;
        const first = await pageBackward({ files: files(), filter: {}, limit });
        // Through the text, as a client sends it.
        const cursor = decodeCursor(encodeCursor(first.spans));
        await grow();
        const back: string[] = told(first);
        for (let page = first; page.more; ) {
          page = await pageBackward({ files: files(), filter: {}, limit, before: page.spans });
          back.unshift(...told(page));
        }
        const forth: string[] = [];
        for (let after = cursor, more = true; more; ) {
          const page = await pageForward({ files: files(), filter: {}, limit, after });
          forth.push(...told(page));
          after = page.spans;
          more = page.more;
        }
        expect(back).toEqual(all.slice(0, middle));
        expect(forth).toEqual(all.slice(middle));
        runs += 1;
      },
    ),
    { numRuns: RUNS },
  );
  expect(runs).toBe(RUNS);
});

test("from now on means nothing of what is there", async () => {
  write("a", line(1, "one"));
  const after = spansNow(files());
  write("b", line(2, "new log"));
  write("a", line(3, "three"));
  const page = await pageForward({ files: files(), filter: {}, limit: 10, after });
  expect(told(page)).toEqual(["b new log", "a three"]);
  expect(() => decodeCursor("nonsense")).toThrow("Cannot go on from this cursor");
});
