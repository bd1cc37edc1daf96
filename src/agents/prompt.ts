/** What the model is told: the tools, the system prompts of their extensions, and the memory. */
import type { ToolDescription } from "../contract/tool.ts";
import type { ModelTool } from "./chat-model.ts";
import type { AgentMessage } from "./messages.ts";
import type { ToolSet } from "./tool-source.ts";

const ROLE =
  "You are a helpful assistant with tools. Use them when they help to answer, and say so when one fails.";

/** A tool's description with its documented example, which is there to help the model (specification 7.2). */
function describe(tool: ToolDescription): string {
  if (tool.example === undefined) return tool.description;
  const { prompt, args, response } = tool.example;
  return [
    tool.description,
    `Example prompt: ${prompt}`,
    `Example arguments: ${JSON.stringify(args)}`,
    `Example response: ${typeof response === "string" ? response : JSON.stringify(response)}`,
  ].join("\n");
}

function systemPromptOf(set: ToolSet): string {
  const domains = set.system_prompts
    .filter(({ text }) => text.trim() !== "")
    .map(({ extension, text }) => `[Domain: ${extension}]\n${text.trim()}`);
  const head = domains.length === 0 ? [] : ["Domain system prompts:", ...domains];
  return [...head, ROLE].join("\n\n");
}

export interface ToolBriefing {
  tools: readonly ModelTool[];
  /** Empty when there are no tools: then the agent just chats. */
  system_prompt: string;
  names: ReadonlySet<string>;
}

const NO_TOOLS: ToolBriefing = { tools: [], system_prompt: "", names: new Set() };
const briefings = new WeakMap<ToolSet, ToolBriefing>();

/** What the model is told of these tools; made once for each state of the catalogue. */
export function briefingOf(set: ToolSet): ToolBriefing {
  const known = briefings.get(set);
  if (known !== undefined) return known;
  const briefing =
    set.tools.length === 0
      ? NO_TOOLS
      : {
          tools: set.tools.map(
            (tool): ModelTool => ({
              type: "function",
              function: {
                name: tool.name,
                description: describe(tool),
                parameters: tool.input_schema,
              },
            }),
          ),
          system_prompt: systemPromptOf(set),
          names: new Set(set.tools.map((tool) => tool.name)),
        };
  briefings.set(set, briefing);
  return briefing;
}

interface Opening {
  /** Luna's own part; may be empty. */
  systemPrompt: string;
  memory: string;
  conversation: readonly AgentMessage[];
}

/**
 * The conversation with Luna's part and the memory in front of it, in ONE system message together with the
 * client's own: templates of local models refuse a second one, and one that is not first.
 * What changes least comes first, which is what prompt caches need.
 */
export function openingMessages({ systemPrompt, memory, conversation }: Opening): AgentMessage[] {
  const firstOther = conversation.findIndex((message) => message.role !== "system");
  const leading = firstOther === -1 ? conversation : conversation.slice(0, firstOther);
  const texts = [
    systemPrompt,
    ...leading.map((message) => (typeof message.content === "string" ? message.content : "")),
    memory === "" ? "" : `Memory (what is known from earlier conversations):\n${memory}`,
  ].filter((text) => text !== "");
  const rest = conversation.slice(leading.length);
  return texts.length === 0 ? rest : [{ role: "system", content: texts.join("\n\n") }, ...rest];
}
