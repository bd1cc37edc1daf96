/** `luna mcp add`: an extension that offers the tools of another MCP server, remote or a program of this machine. */
import { join } from "node:path";
import type { Environment } from "../config/environment.ts";
import { layOutHome } from "../config/home.ts";
import { pathsOf } from "../config/paths.ts";
import { runningSupervisor } from "../config/running.ts";
import { Manifest } from "../contract/extension.ts";
import { layOutFiles } from "../extensions/lay-out.ts";
import { ConflictError, InvalidInputError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { readExtensionName } from "./ext/extension-name.ts";
import { reload, reloadText } from "./ext/reload.ts";
import { MCP_USAGE } from "./usage.ts";

const WORDS_MAX = 64;
const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean", default: false } as const;

function listIn(text = ""): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

interface Wanted {
  words: readonly string[];
  bearer: string | undefined;
  headers: readonly string[];
  secrets: readonly string[];
  oauth: boolean;
}

/** How it is reached, and the keys of `.env` that it gets. */
function upstreamOf({ words, bearer, headers, secrets, oauth }: Wanted) {
  const [first = "", ...rest] = words;
  if (!/^https?:\/\//.test(first)) {
    if (bearer !== undefined || headers.length > 0 || oauth) {
      throw new InvalidInputError("Cannot send headers to a program: name its keys with --secrets");
    }
    return { keys: secrets, upstream: { command: first, args: rest, secrets } };
  }
  const pairs = headers.map((header) => {
    const [name = "", key = ""] = header.split("=");
    return [name, { secret: key }] as const;
  });
  const own = Object.fromEntries([
    ...(bearer === undefined ? [] : [["Authorization", { secret: bearer, prefix: "Bearer " }]]),
    ...pairs,
  ]);
  const keys = [
    ...(bearer === undefined ? [] : [bearer]),
    ...pairs.map(([, { secret }]) => secret),
  ];
  return { keys, upstream: { url: first, headers: own, ...(oauth ? { oauth } : {}) } };
}

export async function mcpAdd(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: MCP_USAGE.add,
    options: { bearer: TEXT, headers: TEXT, secrets: TEXT, oauth: FLAG },
    words: { min: 2, max: WORDS_MAX },
  });
  const [given = "", ...words] = positionals;
  const name = readExtensionName(given);
  const { keys, upstream } = upstreamOf({
    ...{ words, bearer: values.bearer, oauth: values.oauth },
    ...{ headers: listIn(values.headers), secrets: listIn(values.secrets) },
  });
  const manifest = {
    ...{ name, description: `The tools of the MCP server at ${words[0]}`, version: "1.0.0" },
    ...{ required_secrets: keys, mcp_servers: { [name]: upstream } },
  };
  const parsed = Manifest.safeParse(manifest);
  if (!parsed.success) {
    throw new InvalidInputError(
      `Cannot add the MCP server "${name}": ${explain(parsed.error)}\nUsage: ${MCP_USAGE.add}`,
    );
  }
  const paths = pathsOf(environment.home);
  const isRunning = runningSupervisor(paths.state) !== undefined;
  if (!isRunning) await layOutHome(paths);
  const target = join(paths.extensions, name);
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  if (!(await layOutFiles(new Map([["config.json", text]]), target))) {
    throw new ConflictError(
      `Cannot add the MCP server "${name}": "${target}" is there already; choose another name, or edit its config.json`,
    );
  }
  process.stdout.write(`${join(target, "config.json")}\n`);
  if (!isRunning) {
    process.stdout.write('Luna does not run: "luna up" starts it with the new server.\n');
    return 0;
  }
  const reloaded = await reload(await Control.of(environment), name, {});
  process.stdout.write(`${reloadText(reloaded)}\n`);
  if (values.oauth) process.stdout.write(`Next: luna mcp login ${name}\n`);
  return reloaded.tools?.problems.length === 0 ? 0 : 1;
}
