/** Tests of reading and editing `.env`. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { EnvFile, editEnv, parseEnv } from "./env-file.ts";

describe("parseEnv", () => {
  test.each([
    ["A=1", { A: "1" }],
    ["export A=1", { A: "1" }],
    ["A = spaced  ", { A: "spaced" }],
    ["A=1 # a comment", { A: "1" }],
    ['A="1 # kept"', { A: "1 # kept" }],
    ["A='$HOME `x`'", { A: "$HOME `x`" }],
    ['A="line\\nbreak \\"q\\" \\\\"', { A: 'line\nbreak "q" \\' }],
    ["# only a comment\n\nnot an assignment", {}],
    ["A=1\nA=2", { A: "2" }],
    ["A=", { A: "" }],
  ])("%j", (text, values) => {
    expect(parseEnv(text)).toEqual(values);
  });
});

describe("editEnv", () => {
  test("keeps comments, order and what it does not know", () => {
    const text = "# mine\nB=2\n\nA=1 # old\nnoise\n";
    expect(editEnv(text, { A: "new value", C: "3" })).toBe(
      '# mine\nB=2\n\nA="new value"\nnoise\nC=3\n',
    );
  });

  test("removes with null, and a double assignment leaves one line", () => {
    expect(editEnv("A=1\nB=2\nA=3\n", { A: "4", B: null })).toBe("A=4\n");
  });

  test("whatever is written is read back, and adds no other variable", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        expect(parseEnv(editEnv("B=2\n", { A: value }))).toEqual({ B: "2", A: value });
      }),
    );
  });
});

describe("EnvFile", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "luna-env-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is private whatever it was before, and refuses names that are none", async () => {
    const path = join(folder, ".env");
    await writeFile(path, "# mine\n", { mode: 0o644 });
    const file = new EnvFile(path);
    await file.set({ KEY: "value" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await file.read()).toEqual({ KEY: "value" });
    await expect(file.set({ "a b": "x" })).rejects.toThrow('Cannot set "a b"');
    await expect(file.set({ "A\nB": "x" })).rejects.toThrow("Cannot set");
  });
});
