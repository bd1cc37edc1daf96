/** Tests of reading and editing `.env`. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { EnvFile, editEnv, envProblems, parseEnv } from "./env-file.ts";

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
    ['A="1" # a comment', { A: "1" }],
    ["A='1' # a comment", { A: "1" }],
    ['A="no end', { A: '"no end' }],
    ["\uFEFFA=1", { A: "1" }],
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

describe("envProblems", () => {
  test.each([
    ["# a comment\n\n  # another\nA=1\nexport B='2' # fine\nC=\"3\" # fine\r\n", []],
    ["A=1\n  oops\n", [/"\/home\/\.env": line 2, column 3 is no NAME=value/]],
    ["A=1\nB=2=3\n9C=1\n", [/line 3, column 1 is no NAME=value/]],
    ['A="no end\n', [/line 1, column 3 begins a quote that does not end/]],
    ["A=1\nB=\0\0\n", [/line 2, column 3 is not text/]],
    ["A=1\nB=caf\uFFFD\n", [/line 2, column 6 is not text/]],
  ])("%j", (text, patterns) => {
    const problems = envProblems(text, "/home/.env");
    expect(problems.length).toBe(patterns.length);
    for (const [index, pattern] of patterns.entries()) expect(problems[index]).toMatch(pattern);
  });

  test("a file of something else is told in a few sentences, none of which shows a line", () => {
    const problems = envProblems("the secret itself\n".repeat(10_000), "/home/.env");
    expect(problems.length).toBe(5);
    expect(problems.join()).not.toContain("secret");
  });
});

test("a file that is not text is never written again, and changes at one time are all kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "luna-env-"));
  try {
    const file = new EnvFile(join(folder, ".env"));
    const names = Array.from({ length: 10 }, (_, index) => `KEY_${index}`);
    await Promise.all(names.map((name) => file.set({ [name]: "1" })));
    expect(Object.keys(await file.read())).toEqual(names);
    const damaged = Buffer.from([...Buffer.from("A=1\nB=caf"), 0xe9, 0x0a]);
    await writeFile(file.path, damaged);
    await expect(file.set({ C: "1" })).rejects.toThrow("line 2, column 6 is not UTF-8 text");
    expect((await Bun.file(file.path).bytes()).toString()).toBe(new Uint8Array(damaged).toString());
    expect(await file.read()).toMatchObject({ A: "1" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
