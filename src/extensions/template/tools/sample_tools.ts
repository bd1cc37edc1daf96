/** The tools of "sample": each entry of TOOLS is one that MCP clients and agents can call. */
import { join } from "node:path";
import { defineTool, type ToolContext, z } from "luna";

const NAME_LENGTH_MAX = 100;
const PHRASE_LENGTH_MAX = 200;
const DEFAULT_PHRASE = "Hello";

/** For the model: when to use these tools, and how they belong together. */
export const SYSTEM_PROMPT = `The SAMPLE tools greet people. Use SAMPLE_UPDATE_phrase only when the user wants other words in greetings.`;

/** What a tool keeps lies in its data folder, which updates leave alone. */
const phraseFile = ({ data_dir }: ToolContext) => Bun.file(join(data_dir, "phrase.txt"));

async function phraseOf(context: ToolContext): Promise<string> {
  const file = phraseFile(context);
  return (await file.exists()) ? file.text() : DEFAULT_PHRASE;
}

export const TOOLS = [
  defineTool({
    name: "SAMPLE_GET_greeting",
    description: "Greets a person by name, in the words that were set last.",
    input: z.object({
      name: z.string().trim().min(1).max(NAME_LENGTH_MAX).describe("Whom to greet"),
    }),
    annotations: { title: "Greet somebody", readOnlyHint: true, openWorldHint: false },
    example: {
      prompt: "Say hello to Ada",
      args: { name: "Ada" },
      response: { greeting: "Hello, Ada!" },
    },
    run: async ({ name }, context) => ({ greeting: `${await phraseOf(context)}, ${name}!` }),
  }),
  defineTool({
    name: "SAMPLE_UPDATE_phrase",
    description: "Sets the words that greetings begin with, and returns them.",
    input: z.object({
      phrase: z.string().trim().max(PHRASE_LENGTH_MAX).describe('Such as "Good morning"'),
    }),
    annotations: {
      title: "Change the greeting",
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
    example: {
      prompt: "Greet people with Good morning from now on",
      args: { phrase: "Good morning" },
      response: { phrase: "Good morning" },
    },
    run: async ({ phrase }, context) => {
      // A pair of false and a text is a failure that the model can act on.
      if (phrase === "") return [false, "An empty phrase greets nobody: ask the user for words"];
      await Bun.write(phraseFile(context), phrase);
      return { phrase };
    },
  }),
];
