/** What a named MCP server offers its clients: its tools, as the protocol lists them, and how to use them. */
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import type { InputSchema, ToolAnnotations } from "../../contract/tool.ts";
import type { Catalogue } from "./tool-source.ts";

/** Clients put the instructions into every conversation: more would crowd it out. */
const INSTRUCTIONS_CHARACTERS_MAX = 8_000;
const CUT = "\n[cut]";

interface OfferedTool {
  name: string;
  description: string;
  inputSchema: InputSchema;
  annotations?: ToolAnnotations;
}

export interface Offer {
  readonly tools: OfferedTool[];
  readonly names: ReadonlySet<string>;
  readonly instructions: string | undefined;
}

interface OfferSubject {
  config: MasterConfig;
  server: McpServer;
  catalogue: Catalogue;
}

function isOn({ config, server }: OfferSubject, tool: string): boolean {
  return (
    server.tool_config[tool]?.enabled_in_mcp !== false &&
    config.tool_configs[tool]?.enabled_in_mcp !== false
  );
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

function makeOffer(subject: OfferSubject): Offer {
  const offered = subject.catalogue.tools.filter((tool) => isOn(subject, tool.name));
  const tools = offered.map(({ name, description, input_schema, annotations }) => ({
    name,
    description,
    inputSchema: input_schema,
    ...(annotations === undefined ? {} : { annotations }),
  }));
  return {
    tools,
    names: new Set(offered.map((tool) => tool.name)),
    instructions: instructionsOf(subject.catalogue, new Set(offered.map((tool) => tool.extension))),
  };
}

/**
 * Keeps each server's offer until the configuration or the catalogue changes, both of which then come as
 * new objects: what a request costs does not grow with the number of tools.
 */
export class Offers {
  readonly #kept = new WeakMap<McpServer, { catalogue: Catalogue; offer: Offer }>();

  /** `server` must be the object in `config`. */
  of(subject: OfferSubject): Offer {
    const kept = this.#kept.get(subject.server);
    if (kept?.catalogue === subject.catalogue) return kept.offer;
    const offer = makeOffer(subject);
    this.#kept.set(subject.server, { catalogue: subject.catalogue, offer });
    return offer;
  }
}
