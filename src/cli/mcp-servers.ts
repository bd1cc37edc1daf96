/** `luna mcp list|create|rename|enable|disable|delete|tools|rotate-key`: named MCP servers of the running Luna. */
import type { Environment } from "../config/environment.ts";
import {
  ChangedMcpServer,
  type ChangeMcpServer,
  McpServerDeleted,
  McpServerKey,
  McpServerList,
  type McpServerTool,
  McpServerTools,
  type McpServerView,
  type ToolChoices,
} from "../contract/mcp-servers.ts";
import { didYouMean } from "../lib/did-you-mean.ts";
import { parseDuration } from "../lib/duration.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments, UsageError, type Verb } from "./arguments.ts";
import { Control } from "./control.ts";
import { table } from "./table.ts";
import { MCP_USAGE } from "./usage.ts";

const FLAG = { type: "boolean", default: false } as const;
const TEXT = { type: "string" } as const;
const EXTENSION = "ext:";
const MS_PER_S = 1_000;

const pathOf = (name: string): string => `/mcp-servers/${encodeURIComponent(name)}`;

function tell(answer: unknown, text: string, isJson: boolean): number {
  process.stdout.write(isJson ? `${JSON.stringify(answer, null, 2)}\n` : `${text}\n`);
  return 0;
}

/** A key that is told once: alone on stdout, for a pipe, with what one should know beside it. */
function tellKey(made: McpServerKey, note: string, isJson: boolean): number {
  if (!isJson) process.stderr.write(`${note}\n`);
  return tell(made, made.api_key, isJson);
}

function serversText(servers: readonly McpServerView[]): string {
  if (servers.length === 0) return 'There are none yet: "luna mcp create <name>" makes one.';
  const rows = servers.map(({ name, enabled, tool_count, key_hint, url }) => [
    ...[name, enabled ? "on" : "off", String(tool_count), `…${key_hint}`, url],
  ]);
  return table([["NAME", "STATE", "TOOLS", "KEY", "ADDRESS"], ...rows]);
}

const list: Verb = async (environment, args) => {
  const { values } = readArguments(args, { usage: MCP_USAGE.list, options: { json: FLAG } });
  const found = await (await Control.of(environment)).ask("/mcp-servers/list", McpServerList);
  return tell(found, serversText(found.servers), values.json);
};

const create: Verb = async (environment, args) => {
  const words = { min: 1, max: 1 };
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.create, options: { json: FLAG }, words },
  });
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const request = { method: "POST", body: { name } } as const;
  const made = await control.ask("/mcp-servers/create", McpServerKey, request);
  const note = `${made.server.url} is there. Its key is shown this once:`;
  return tellKey(made, note, values.json);
};

async function change(environment: Environment, name: string, body: ChangeMcpServer) {
  const control = await Control.of(environment);
  return control.ask(pathOf(name), ChangedMcpServer, { method: "PATCH", body });
}

const rename: Verb = async (environment, args) => {
  const words = { min: 2, max: 2 };
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.rename, options: { json: FLAG }, words },
  });
  const [name = "", to = ""] = positionals;
  const done = await change(environment, name, { name: to });
  return tell(done, `It is reached at ${done.server.url} now, with its key.`, values.json);
};

const switchTo =
  (enabled: boolean): Verb =>
  async (environment, args) => {
    const usage = enabled ? MCP_USAGE.enable : MCP_USAGE.disable;
    const { values, positionals } = readArguments(args, {
      ...{ usage, options: { json: FLAG }, words: { min: 1, max: 1 } },
    });
    const [name = ""] = positionals;
    const done = await change(environment, name, { enabled });
    return tell(done, `"${name}" is ${enabled ? "on" : "off"}.`, values.json);
  };

const remove: Verb = async (environment, args) => {
  const words = { min: 1, max: 1 };
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.delete, options: { json: FLAG }, words },
  });
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const done = await control.ask(pathOf(name), McpServerDeleted, { method: "DELETE" });
  return tell(done, `"${name}" is deleted; its key opens nothing any more.`, values.json);
};

const rotateKey: Verb = async (environment, args) => {
  const options = { grace: { ...TEXT, default: "0" }, json: FLAG };
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE["rotate-key"], options, words: { min: 1, max: 1 } },
  });
  const graceMs = values.grace === "0" ? 0 : parseDuration(values.grace);
  if (graceMs === undefined) {
    throw new UsageError(
      `Cannot read --grace "${values.grace}": it should be a duration such as 15m or 24h\nUsage: ${MCP_USAGE["rotate-key"]}`,
    );
  }
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const body = { grace_s: Math.round(graceMs / MS_PER_S) };
  const request = { method: "POST", body } as const;
  const made = await control.ask(`${pathOf(name)}/regenerate-key`, McpServerKey, request);
  const old = graceMs === 0 ? "has stopped" : `stops in ${values.grace}`;
  return tellKey(made, `The old key ${old}. The new one is shown this once:`, values.json);
};

/** "a,b,ext:notes" as tools, and extensions all of whose tools are meant. */
function choicesIn(
  text: string | undefined,
  isOn: boolean,
  tools: readonly McpServerTool[],
): { tools: ToolChoices; extensions: ToolChoices } {
  const chosen: { tools: ToolChoices; extensions: ToolChoices } = { tools: {}, extensions: {} };
  const names = (text ?? "").split(",").map((name) => name.trim());
  for (const name of names.filter((one) => one !== "")) {
    const choice = { enabled_in_mcp: isOn };
    const isExtension = name.startsWith(EXTENSION);
    const known = tools.map((tool) => (isExtension ? tool.source : tool.name));
    if (!known.includes(name)) {
      throw new InvalidInputError(
        `Cannot switch "${name}": there is no such tool.${didYouMean(name, [...new Set(known)])}`,
      );
    }
    if (isExtension) chosen.extensions[name.slice(EXTENSION.length)] = choice;
    else chosen.tools[name] = choice;
  }
  return chosen;
}

const tools: Verb = async (environment, args) => {
  const { values, positionals } = readArguments(args, {
    usage: MCP_USAGE.tools,
    options: { on: TEXT, off: TEXT, json: FLAG },
    words: { min: 1, max: 1 },
  });
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const ask = () => control.ask(`${pathOf(name)}/tools`, McpServerTools);
  let found = await ask();
  if ((values.on ?? values.off) !== undefined) {
    const [on, off] = [
      choicesIn(values.on, true, found.tools),
      choicesIn(values.off, false, found.tools),
    ];
    await change(environment, name, {
      tool_updates: { ...on.tools, ...off.tools },
      extension_updates: { ...on.extensions, ...off.extensions },
    });
    found = await ask();
  }
  const rows = found.tools.map((tool) => [
    ...[tool.enabled_in_mcp ? "on" : "off", tool.name, tool.source],
  ]);
  return tell(found, table([["STATE", "TOOL", "FROM"], ...rows]), values.json);
};

export const mcpServerVerbs = {
  ...{ list, create, rename, tools },
  enable: switchTo(true),
  disable: switchTo(false),
  delete: remove,
  "rotate-key": rotateKey,
};
