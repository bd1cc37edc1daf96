/** Loading tool files, and everything that authors get wrong in them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CallContext } from "../services/tool-host/context.ts";
import { Conversation } from "../services/tool-host/conversation.ts";
import { contentHash } from "./content-hash.ts";
import { describeTools } from "./describe-tools.ts";
import { loadTools } from "./load-tools.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-tools-"));
  mkdirSync(join(folder, "tools"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (path: string, text: string): void => writeFileSync(join(folder, path), text);
const GOOD = `import { defineTool, z } from "luna"; export const TOOLS = [defineTool({
  name: "GOOD", description: " Good ", input: z.object({ n: z.int().optional() }), run: () => 1 })];`;

test("tools are described as JSON, without what only this process can use", async () => {
  write("tools/a_tools.ts", `${GOOD} export const SYSTEM_PROMPT = async () => " Be kind. ";`);
  write("tools/b_tools.js", 'export const TOOLS = []; export const SYSTEM_PROMPT = "And brief.";');
  write("tools/helper.ts", "throw new Error('imported by nobody');");
  const described = await describeTools({ name: "x", path: folder });
  expect(described).toEqual({
    extension: "x",
    content_hash: await contentHash(folder),
    system_prompt: "Be kind.\n\nAnd brief.",
    problems: [],
    resources: [],
    templates: [],
    prompts: [],
    tools: [
      {
        name: "GOOD",
        description: "Good",
        input_schema: {
          type: "object",
          properties: { n: expect.objectContaining({ type: "integer" }) },
        },
      },
    ],
  });
});

test.each([
  ["a syntax error", "export const TOOLS = [;", "tools/a_tools.ts"],
  ["an import that throws", 'throw new Error("no key set");', "no key set"],
  ["a package that is not there", 'import "no-such-package";', "no-such-package"],
  ["no TOOLS", "export const OTHER = 1;", "TOOLS"],
  ["TOOLS that are no array", "export const TOOLS = {};", "must be exported as an array"],
  [
    "a prompt that is no text",
    "export const TOOLS = []; export const SYSTEM_PROMPT = () => 7;",
    "SYSTEM_PROMPT()",
  ],
])("%s costs that file alone", async (_, text, problem) => {
  write("tools/a_tools.ts", text);
  write("tools/b_tools.ts", GOOD);
  const { tools, problems } = await loadTools(folder);
  expect(tools.map(({ name }) => name)).toEqual(["GOOD"]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('Cannot load "tools/a_tools.ts"');
  expect(problems[0]).toContain(problem);
});

test.each([
  ["no name", "{ description: 'x', input: z.object({}), run() {} }", "TOOLS[0]"],
  [
    "a name that clients refuse",
    "{ name: 'a b', description: 'x', input: z.object({}), run() {} }",
    "name",
  ],
  [
    "no description",
    "{ name: 'X', description: ' ', input: z.object({}), run() {} }",
    "description",
  ],
  [
    "an input that is no object",
    "{ name: 'X', description: 'x', input: z.string(), run() {} }",
    "z.object",
  ],
  [
    "an input that is no JSON",
    "{ name: 'X', description: 'x', input: z.object({ d: z.date() }), run() {} }",
    "Date",
  ],
  ["nothing to run", "{ name: 'X', description: 'x', input: z.object({}) }", "run"],
  [
    "a limit beyond an hour",
    "{ name: 'X', description: 'x', input: z.object({}), run() {}, timeout_ms: 4e6 }",
    "timeout_ms",
  ],
  [
    "an example that is no JSON",
    "{ name: 'X', description: 'x', input: z.object({}), run() {}, example: { prompt: 'p', args: {}, response: 1n } }",
    "BigInt",
  ],
  ["a plain function without description", "function NAMED() {}", "description"],
])("a tool with %s costs that tool alone", async (_, tool, problem) => {
  write(
    "tools/a_tools.ts",
    `import { z } from "zod"; ${GOOD.replace("TOOLS = [", `TOOLS = [${tool}, `).replace("z }", "z as z2 }").replace("input: z.object({ n", "input: z2.object({ n")}`,
  );
  const { tools, problems } = await loadTools(folder);
  expect(tools.map(({ name }) => name)).toEqual(["GOOD"]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});

test("of two tools of one name the first is loaded", async () => {
  write("tools/a_tools.ts", GOOD);
  write("tools/b_tools.ts", GOOD);
  const { tools, problems } = await loadTools(folder);
  expect(tools).toHaveLength(1);
  expect(problems).toEqual([expect.stringContaining('"tools/a_tools.ts" has a tool of that name')]);
});

test("a plain function is a tool: its name, its description with the documented sections, its input", async () => {
  write(
    "tools/a_tools.ts",
    `import { z } from "luna";
     function NOTES_GET_one({ id }) { return "note " + id; }
     NOTES_GET_one.description = \`Reads one note.
       Example Prompt: read note 7
       Example Args: {"id": 7}
       Example Response: {"title": "x"}
       Notes: ids start at 1\`;
     NOTES_GET_one.input = z.object({ id: z.int() });
     export const TOOLS = [NOTES_GET_one];`,
  );
  const { tools, callables, problems } = await loadTools(folder);
  expect(problems).toEqual([]);
  expect(tools[0]).toMatchObject({
    name: "NOTES_GET_one",
    description: "Reads one note.\nNotes: ids start at 1",
    example: { prompt: "read note 7", args: { id: 7 }, response: { title: "x" } },
    input_schema: { required: ["id"] },
  });
  const { extension, signal } = { extension: "x", signal: AbortSignal.abort() };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const conversation = new Conversation({
    ...{ abilities: undefined, answers: {} },
    hear() {},
    onParked() {},
  });
  const context = new CallContext({ extension, dataFolder: "", log, signal, conversation });
  expect(callables[0]?.run({ id: 7 }, context)).toBe("note 7");
});

test("the hash changes with what the description depends on, and with nothing else", async () => {
  write("tools/a_tools.ts", GOOD);
  const hashes = new Set([await contentHash(folder)]);
  for (const path of ["tools/helper.ts", "config.json", "package.json"]) {
    write(path, "{}");
    hashes.add(await contentHash(folder));
  }
  expect(hashes.size).toBe(4);
  mkdirSync(join(folder, "data"));
  mkdirSync(join(folder, "tools/node_modules"));
  for (const path of ["data/notes.db", "tools/node_modules/x.js", "tools/.a_tools.ts.swp"]) {
    write(path, "x");
    hashes.add(await contentHash(folder));
  }
  expect(hashes.size).toBe(4);
});

test("an extension without tools says so", async () => {
  rmSync(join(folder, "tools"), { recursive: true });
  await expect(loadTools(folder)).rejects.toThrow(join(folder, "tools"));
});
