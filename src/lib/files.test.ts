/** Tests of files that are replaced whole, and of the words for those that do not parse. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import {
  placeOf,
  readJsonIfThere,
  removeTemporaries,
  temporaryName,
  writeFileAtomic,
  writeJsonAtomic,
} from "./files.ts";

const Shape = z.looseObject({ name: z.string().optional() });
const MEGABYTE = 1024 * 1024;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-files-"));
  path = join(folder, "file.json");
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

describe("a file that does not parse is named with its place", () => {
  test.each([
    ["empty", "", "line 1, column 1 is not valid JSON"],
    ["truncated", '{\n  "name": "a"', "line 2, column 14 is not valid JSON"],
    ["a word", '{\n  "name": oops\n}', "line 2, column 11 is not valid JSON"],
    ["a missing comma", '{\n  "a": 1\n  "b": 2\n}', "line 3, column 3 is not valid JSON"],
    ["a final comma", '{\n  "a": 1,\n}', "line 3, column 1 is not valid JSON"],
    ["a comment", "{\n  // no\n}", "line 2, column 3 is not valid JSON"],
    ["NUL bytes", "\0".repeat(100), "line 1, column 1 is not valid JSON"],
    ["two values", '{"a":1}\n{"a":1}', "line 2, column 1 is not valid JSON"],
    ["another type", "[]", "expected object"],
    ["a wrong field", '{"name": 7}', "name"],
    ["nested too deeply", "[".repeat(300_000), "it is nested too deeply"],
    ["too large", `"${"x".repeat(10 * MEGABYTE)}"`, "it has 10.0 MB, the most is 8"],
  ])("%s", async (_name, text, words) => {
    await writeFile(path, text);
    const error = await readJsonIfThere(path, Shape).catch((thrown: unknown) => thrown);
    if (!(error instanceof InvalidInputError)) throw error;
    expect(error.message).toContain(`Cannot read "${path}": `);
    expect(error.message).toContain(words);
    expect(error.message.length).toBeLessThan(1_000);
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("a flipped bit in a text", async () => {
    await writeFile(
      path,
      Buffer.from([...Buffer.from('{\n  "name": "'), 0xe1, ...Buffer.from('"}')]),
    );
    await expect(readJsonIfThere(path, Shape)).rejects.toThrow(
      "line 2, column 12 is not UTF-8 text",
    );
  });

  test("whatever is in the file, it is read or refused in words, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.json(),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        async (json, at, byte) => {
          const bytes = Buffer.from(json);
          bytes[at % bytes.length] = byte;
          await writeFile(path, bytes);
          const result = await readJsonIfThere(path, z.unknown()).catch((error: unknown) => error);
          if (result instanceof Error) {
            expect(result).toBeInstanceOf(InvalidInputError);
            expect(result.message).toMatch(/line \d+, column \d+ is not/);
          } else expect(JSON.parse(bytes.toString())).toEqual(result);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("what an editor puts before a text is no part of it", async () => {
  await writeFile(path, '\uFEFF{"name": "a"}');
  expect(await readJsonIfThere(path, Shape)).toEqual({ name: "a" });
});

test("places are as editors count", () => {
  expect(placeOf("ab\ncd", 0)).toBe("line 1, column 1");
  expect(placeOf("ab\ncd", 2)).toBe("line 1, column 3");
  expect(placeOf("ab\ncd", 3)).toBe("line 2, column 1");
  expect(placeOf("ab\r\ncd", 5)).toBe("line 2, column 2");
});

test("readers only ever see a whole file, private, and nothing is left beside it", async () => {
  const texts = ["a".repeat(300_000), "b"];
  await writeFileAtomic(path, texts[0] ?? "");
  let seen = 0;
  let isWriting = true;
  const reader = (async () => {
    while (isWriting) {
      expect(texts).toContain(await readFile(path, "utf8"));
      seen += 1;
    }
  })();
  for (let round = 0; round < 40; round += 1) await writeFileAtomic(path, texts[round % 2] ?? "");
  isWriting = false;
  await reader;
  expect(seen).toBeGreaterThan(0);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["file.json"]);
});

test("a place that takes no file is an error that names it, and the old file stays", async () => {
  await mkdir(path); // A folder cannot be replaced by a file: also root cannot.
  await expect(writeJsonAtomic(path, {})).rejects.toThrow(`Cannot write "${path}": EISDIR`);
  await expect(writeJsonAtomic(join(folder, "none", "x"), {})).rejects.toThrow("ENOENT");
  expect(await readdir(folder)).toEqual(["file.json"]);
});

test("of temporary files, those that nobody writes any more are removed, and nothing else is", async () => {
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const old = new Date(Date.now() - 2 * 60 * 60_000);
  const own = temporaryName(join(folder, "own"));
  const forgotten = join(folder, `forgotten.1.0123abcd.tmp`);
  const others = join(folder, "others.1.0123abcd.tmp"); // Of a process that lives.
  const kept = [
    own,
    others,
    ...["a.tmp", "b.json", "1.tmp.json", "c.1.tmp.txt"].map((name) => join(folder, name)),
  ];
  for (const file of kept) await writeFile(file, "");
  await writeFile(join(folder, `state.json.${ended.pid}.0123abcd.tmp`), "{");
  await writeFile(join(folder, `notes.sock.${ended.pid}.tmp`), "");
  await mkdir(join(folder, `.notes.${ended.pid}.0123abcd.tmp`, "tools"), { recursive: true });
  await writeFile(forgotten, "");
  await utimes(forgotten, old, old);
  const before = temporaryName(join(folder, "before")); // Our pid, and older than we are.
  await writeFile(before, "");
  await utimes(before, new Date(0), new Date(0));
  await removeTemporaries(folder);
  expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual(kept.sort());
  await removeTemporaries(join(folder, "none"));
});
