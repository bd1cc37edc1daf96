/** Tests that a command refuses what it does not know, in words, and that every command does. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readArguments, readVerb } from "./arguments.ts";
import { COMMANDS } from "./commands.ts";

const PROGRAM = join(import.meta.dir, "../../luna.ts");
const flag = { type: "boolean", default: false } as const;

test("options and words come as they are", () => {
  const wanted = {
    usage: "luna x <id> [--json]",
    options: { json: flag },
    words: { min: 1, max: 1 },
  };
  const { values, positionals } = readArguments(["agent", "--json"], wanted);
  expect([values.json, positionals]).toEqual([true, ["agent"]]);
});

const REFUSED: [string[], string][] = [
  [["--none"], `Cannot run "luna x": unknown option '--none'\nUsage: luna x [--json]`],
  [["--jsn"], `unknown option '--jsn'. Did you mean "--json"?\nUsage: luna x [--json]`],
  [["--json=3"], "does not take an argument"],
  [["word"], '"word" is one word too many'],
];
for (const [args, text] of REFUSED) {
  test(`"${args.join(" ")}" is refused with the usage`, () => {
    const read = () => readArguments(args, { usage: "luna x [--json]", options: { json: flag } });
    expect(read).toThrow(text);
    expect(read).toThrow("Usage: luna x [--json]");
  });
}

test("a word that is missing is said", () => {
  const read = () =>
    readArguments([], { usage: "luna x <id>", options: {}, words: { min: 1, max: 1 } });
  expect(read).toThrow("a word is missing");
});

test("what may be a secret is not repeated", () => {
  for (const typed of ["hunter2hunter2", "--hunter2hunter2"]) {
    const read = () => readArguments([typed], { usage: "luna x", options: {}, isPrivate: true });
    expect(read).toThrow('Cannot run "luna x"');
    expect(read).not.toThrow("hunter2");
  }
});

test("a verb is found, and one that is not there is told with what is near", () => {
  const wanted = { verbs: { list: 1, remove: 2 }, usage: "luna x list | remove <name>" };
  expect(readVerb(["remove", "a", "--b"], wanted)).toEqual({ verb: 2, rest: ["a", "--b"] });
  expect(() => readVerb([], wanted)).toThrow('Cannot run "luna x": say what to do, one of list');
  expect(() => readVerb(["lisst"], wanted)).toThrow('"lisst" is none of its commands. Did you');
  expect(() => readVerb(["toString"], wanted)).toThrow("There are list, remove.");
});

describe("every command", () => {
  for (const { name } of COMMANDS) {
    test(`luna ${name} refuses an option that it does not have`, async () => {
      // One that takes a verb or a name first gets one, so that the option is what is wrong.
      const first: Record<string, string[]> = {
        ext: ["new"],
        tools: ["list"],
        queue: ["show"],
        mcp: ["stdio"],
        service: ["hub"],
        "tool-host": ["notes"],
      };
      const child = Bun.spawn(
        [process.execPath, PROGRAM, name, ...(first[name] ?? []), "--no-such-option"],
        {
          env: { PATH: "/usr/bin:/bin", LUNA_HOME: join(import.meta.dir, "no-such-home") },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      const [stdout, stderr, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toStartWith("Cannot run ");
      expect(stderr).toContain("Usage: luna ");
    });
  }
});
