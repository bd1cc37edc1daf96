/** Tools for tests of the MCP service: a catalogue, and functions in place of tool hosts. */

import type { ToolResult } from "../../src/contract/tool.ts";
import type { Catalogue, ToolSource } from "../../src/services/mcp/tool-source.ts";

type Client = ToolSource["client"];

/** What a test's tool does. */
type Call = (request: Parameters<Client["converse"]>[0]) => Promise<ToolResult>;

const unexpected = (): never => {
  throw new Error("The service must not ask for what is not offered");
};

/** A catalogue of what is given and nothing else. */
export function catalogueOf(given: Partial<Catalogue>): Catalogue {
  return { tools: [], resources: [], templates: [], prompts: [], system_prompts: [], ...given };
}

/** A source whose tools are answered by `call`, and everything else by `more`. */
export function toolSource(
  catalogue: () => Promise<Catalogue>,
  call: Call,
  more: Partial<Client> = {},
): ToolSource {
  return {
    catalogue: { read: catalogue },
    client: {
      converse: async (request) => ({ kind: "result", result: await call(request) }),
      serve: unexpected,
      resume: unexpected,
      cancel: async () => undefined,
      complete: unexpected,
      ...more,
    },
  };
}
