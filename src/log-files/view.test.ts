/** A look at a log counts only when nothing was rotated meanwhile. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJournalText, writeJournal } from "./journal.ts";
import { type LogPlace, placeOf } from "./place.ts";
import { withView } from "./view.ts";

const MARKER = "rotated by-a-test\n";

let folder: string;
let place: LogPlace;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-view-"));
  place = placeOf(folder, "one");
  writeFileSync(place.current, MARKER + "x".repeat(10_000));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** How often it was looked until nothing changed, when `change` comes with the first look. */
function looksAfter(change: () => void): number {
  let looks = 0;
  return withView(place, () => {
    looks += 1;
    if (looks === 1) change();
    return looks;
  });
}

test("again when the journal has changed", async () => {
  await writeJournal(place, { ino: statSync(place.current).ino, base: 0, head: 0 });
  const text = readJournalText(place);
  expect(looksAfter(() => undefined)).toBe(1);
  expect(looksAfter(() => appendFileSync(place.current, "more"))).toBe(1);
  expect(looksAfter(() => writeFileSync(place.journal, `${text} `))).toBe(2);
});

test("again when the beginning was given back, which no file tells yet", async () => {
  const { ino } = statSync(place.current);
  const drop = { bytes: 4_096, marker: MARKER, state: "marked" as const };
  await writeJournal(place, { ino, base: 0, head: 4_200, drop });
  expect(withView(place, ({ base, end }) => [base, end])).toEqual([0, 10_018]);
  expect(looksAfter(() => writeFileSync(place.current, "x".repeat(5_922)))).toBe(2);
  expect(withView(place, ({ base, end }) => [base, end])).toEqual([4_096, 10_018]);
});

test("a log that moves at each look is given up", async () => {
  await writeJournal(place, { ino: statSync(place.current).ino, base: 0, head: 0 });
  let looks = 0;
  const look = (): void => {
    looks += 1;
    appendFileSync(place.journal, " ");
  };
  expect(() => withView(place, look)).toThrow('Cannot read the log "one": it moves all the time');
  expect(looks).toBe(50);
});
