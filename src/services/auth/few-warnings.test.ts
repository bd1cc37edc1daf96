/** Tests of the log that takes only some warnings. */
import { expect, test } from "bun:test";
import { createLogger } from "../../lib/log.ts";
import { fewWarnings } from "./few-warnings.ts";

test("twenty warnings at once and one every three seconds are written, all else always", () => {
  const lines: string[] = [];
  let now = 0;
  const log = fewWarnings(
    createLogger("test", [], (line) => lines.push(line)),
    () => now,
  );
  const written = (write: () => void): number => {
    const before = lines.length;
    for (let i = 0; i < 100; i += 1) write();
    return lines.length - before;
  };
  expect(written(() => log.warn("junk"))).toBe(20);
  now += 3_000;
  expect(written(() => log.warn("junk"))).toBe(1);
  expect(written(() => log.error("trouble"))).toBe(100);
});
