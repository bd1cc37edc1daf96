/** Tests of the grammar of `.env`. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { editEnv, envFaults, envProblems, parseEnv } from "./env-text.ts";

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
    ["A=\nB=2", { A: "", B: "2" }],
    ["A=\r\nB=2\r\n", { A: "", B: "2" }],
    ['A="1" # a comment', { A: "1" }],
    ["A='1' # a comment", { A: "1" }],
    ['A="no end', { A: '"no end' }],
    ['A="no end\nB=2\n', { A: '"no end', B: "2" }],
    ["\uFEFFA=1", { A: "1" }],
    ['A="one\ntwo"\nB=2', { A: "one\ntwo", B: "2" }],
    ["A='-----BEGIN\nx=y\n-----END' # PEM\nB=2", { A: "-----BEGIN\nx=y\n-----END", B: "2" }],
    ['A="a\u2028b"', { A: "a\u2028b" }],
    ["A=a\u2029b", { A: "a\u2029b" }],
  ])("%j", (text, values) => {
    expect(parseEnv(text)).toEqual(values);
  });

  test("a name that is a key of every object is a variable like any other", () => {
    expect(Object.entries(parseEnv("__proto__=1\nconstructor=2"))).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
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

  test("a value of several lines is replaced as a whole, and kept as it is when another changes", () => {
    const text = 'A="one\nB=not this\n"\nB=2\n';
    expect(editEnv(text, { B: "3" })).toBe('A="one\nB=not this\n"\nB=3\n');
    expect(editEnv(text, { A: null })).toBe("B=2\n");
  });

  /** Text of every kind, with the characters that mean something to a reader of such files far more often. */
  const anything = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(
        ...["\n", "\r", "\t", "\0", '"', "'", "`", "$", "\\", "#", "=", " ", "{", "}", "(", ")"],
        ...["\u2028", "\u2029", "\u0085", "\u00a0", "\uFEFF", "\v", "A", "B", "n", "export ", "é"],
      ),
    }),
  );

  test("whatever is written is read back, and adds no other variable", () => {
    fc.assert(
      fc.property(anything, anything, (one, other) => {
        const text = editEnv(editEnv("# mine\nB=2\n", { A: one }), { C: other });
        expect(parseEnv(text)).toEqual({ B: "2", A: one, C: other });
        expect(parseEnv(editEnv(text, { A: other, C: null }))).toEqual({ B: "2", A: other });
      }),
      { numRuns: 2_000 },
    );
  });

  test("whatever the file holds, setting one variable changes no other", () => {
    fc.assert(
      fc.property(anything, anything, (noise, value) => {
        const before = parseEnv(noise);
        const after = parseEnv(editEnv(noise, { NEW_KEY: value }));
        expect(after).toEqual({ ...before, NEW_KEY: value });
      }),
      { numRuns: 2_000 },
    );
  });

  test("a shell that reads the file runs nothing of it, and sees the same values", () => {
    const values = {
      A: "$(touch /tmp/never) `id` $HOME $PATH \\ \" ' ! # ; & | < > * ~",
      B: "=a b=c",
      C: "~/x:~/y",
    };
    const text = editEnv("", values);
    const script = `${text}printf '%s\\0' "$A" "$B" "$C"`;
    const { stdout } = spawnSync("sh", ["-c", script], { env: { HOME: "/none", PATH: "/bin" } });
    expect(stdout.toString().split("\0").slice(0, 3)).toEqual(Object.values(values));
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
    ['A="two\nlines"\noops\n', [/line 3, column 1 is no NAME=value/]],
    ["A=1\nLD_PRELOAD=/x.so\n", [/"LD_PRELOAD" of "\/home\/\.env": line 2, column 1 .*programs/]],
    ["http_proxy=x\nLUNA_SECRET=x\nLUNA_PORT_OFFSET=1\n", [/"http_proxy"/]],
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

  test("a fault says its line, also behind a value of several lines", () => {
    expect(envFaults('A="1\n2\n3"\nPATH=x\n', 9)).toEqual([
      { line: 4, place: "line 4, column 1", name: "PATH", what: "withheld" },
    ]);
  });
});

test("a name that every object has is a line like any other", () => {
  expect(editEnv("constructor=mine\nA=1\n", { A: "2" })).toBe("constructor=mine\nA=2\n");
});
