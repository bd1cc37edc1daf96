/** What a named MCP server offers its clients, as the protocol lists it, and how to use it. */
import { allowsEveryTool, allowsTool } from "../../api-keys/scopes.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import type { InputSchema, ToolAnnotations } from "../../contract/tool.ts";
import { isInMcp } from "../../tools/in-mcp.ts";
import { type ParamHeader, paramHeadersOf } from "./param-headers.ts";
import { type OfferedResources, offeredResources } from "./resources.ts";
import type { Catalogue } from "./tool-source.ts";

/** Clients put the instructions into every conversation: more would crowd it out. */
const INSTRUCTIONS_CHARACTERS_MAX = 8_000;
const CUT = "\n[cut]";

interface OfferedTool {
  name: string;
  title?: string;
  description: string;
  inputSchema: InputSchema;
  outputSchema?: InputSchema;
  annotations?: ToolAnnotations;
}

interface OfferedPrompt {
  name: string;
  title?: string;
  description?: string;
  arguments: { name: string; description?: string; required: boolean }[];
}

export interface Offer {
  readonly tools: OfferedTool[];
  /** Where each tool is. */
  readonly places: ReadonlyMap<string, Catalogue["tools"][number]>;
  /** The names of tools of the server that are not within the key's scopes. */
  readonly withheld: ReadonlySet<string>;
  /** What HTTP headers have to repeat of the arguments, by tool. */
  readonly paramHeaders: ReadonlyMap<string, readonly ParamHeader[]>;
  readonly resources: OfferedResources;
  readonly prompts: OfferedPrompt[];
  /** Whose each prompt is. */
  readonly promptOwners: ReadonlyMap<string, string>;
  /** Those that anything here is of. */
  readonly extensions: ReadonlySet<string>;
  readonly instructions: string | undefined;
}

interface OfferSubject {
  config: MasterConfig;
  server: McpServer;
  catalogue: Catalogue;
  /** Of the key that the client has. */
  scopes: KeyScopes;
}

/** The system prompts of the extensions whose tools are offered, cut to a bound. */
function instructionsOf(catalogue: Catalogue, extensions: ReadonlySet<string>): string | undefined {
  const text = catalogue.system_prompts
    .filter((prompt) => extensions.has(prompt.extension) && prompt.text.trim() !== "")
    .map((prompt) => `# ${prompt.extension}\n${prompt.text.trim()}`)
    .join("\n\n");
  if (text === "") return undefined;
  if (text.length <= INSTRUCTIONS_CHARACTERS_MAX) return text;
  return text.slice(0, INSTRUCTIONS_CHARACTERS_MAX - CUT.length) + CUT;
}

function toOfferedTool(tool: Catalogue["tools"][number]): OfferedTool {
  const { name, title, description, input_schema, output_schema, annotations } = tool;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    description,
    inputSchema: input_schema,
    ...(output_schema === undefined ? {} : { outputSchema: output_schema }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function toOfferedPrompt(prompt: Catalogue["prompts"][number]): OfferedPrompt {
  const { name, title, description } = prompt;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    arguments: prompt.arguments.map(({ name, description, required }) => ({
      name,
      ...(description === undefined ? {} : { description }),
      required,
    })),
  };
}

/**
 * The extensions whose resources and prompts are offered: those with a tool that is, and those without any tool to a
 * key for every tool. Switching off all tools of an extension switches it off.
 */
function offeredExtensions(
  { catalogue, scopes }: OfferSubject,
  withTools: ReadonlySet<string>,
): ReadonlySet<string> {
  if (!allowsEveryTool(scopes)) return withTools;
  const having = new Set(catalogue.tools.map((tool) => tool.extension));
  const all = [...catalogue.resources, ...catalogue.templates, ...catalogue.prompts];
  const without = all.map(({ extension }) => extension).filter((name) => !having.has(name));
  return new Set([...withTools, ...without]);
}

function makeOffer(subject: OfferSubject): Offer {
  const { catalogue, config, server, scopes } = subject;
  const all = catalogue.tools.filter((tool) => isInMcp(config, server, tool.name));
  const offered = all.filter((tool) => allowsTool(scopes, tool));
  const names = new Set(offered.map((tool) => tool.name));
  const withTools = new Set(offered.map((tool) => tool.extension));
  const extensions = offeredExtensions(subject, withTools);
  const prompts = catalogue.prompts.filter(({ extension }) => extensions.has(extension));
  return {
    tools: offered.map(toOfferedTool),
    places: new Map(offered.map((tool) => [tool.name, tool])),
    withheld: new Set(all.map((tool) => tool.name).filter((name) => !names.has(name))),
    paramHeaders: paramHeadersOf(offered),
    resources: offeredResources(catalogue, extensions),
    prompts: prompts.map(toOfferedPrompt),
    promptOwners: new Map(prompts.map(({ name, extension }) => [name, extension])),
    extensions,
    instructions: instructionsOf(catalogue, withTools),
  };
}

/**
 * Keeps each server's offer to each key until the configuration or the catalogue changes, both of which then come as
 * new objects: what a request costs does not grow with the number of tools.
 */
export class Offers {
  readonly #kept = new WeakMap<
    McpServer,
    WeakMap<KeyScopes, { catalogue: Catalogue; offer: Offer }>
  >();

  /** `server` must be the object in `config`. */
  of(subject: OfferSubject): Offer {
    const { server, catalogue, scopes } = subject;
    const offers = this.#kept.get(server) ?? new WeakMap();
    this.#kept.set(server, offers);
    const kept = offers.get(scopes);
    if (kept?.catalogue === catalogue) return kept.offer;
    const offer = makeOffer(subject);
    offers.set(scopes, { catalogue, offer });
    return offer;
  }
}
