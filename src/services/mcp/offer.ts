/** What a named MCP server offers its clients: its tools, as the protocol lists them, and how to use them. */
import { allowsTool } from "../../api-keys/scopes.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
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
  /** The names of tools of the server that are not within the key's scopes. */
  readonly withheld: ReadonlySet<string>;
  readonly instructions: string | undefined;
}

interface OfferSubject {
  config: MasterConfig;
  server: McpServer;
  catalogue: Catalogue;
  /** Of the key that the client has. */
  scopes: KeyScopes;
}

function isOn({ config, server }: Pick<OfferSubject, "config" | "server">, tool: string): boolean {
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
  const all = subject.catalogue.tools.filter((tool) => isOn(subject, tool.name));
  const offered = all.filter((tool) => allowsTool(subject.scopes, tool));
  const names = new Set(offered.map((tool) => tool.name));
  const tools = offered.map(({ name, description, input_schema, annotations }) => ({
    name,
    description,
    inputSchema: input_schema,
    ...(annotations === undefined ? {} : { annotations }),
  }));
  return {
    tools,
    names,
    withheld: new Set(all.map((tool) => tool.name).filter((name) => !names.has(name))),
    instructions: instructionsOf(subject.catalogue, new Set(offered.map((tool) => tool.extension))),
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
