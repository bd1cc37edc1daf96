/** `luna tools list|run`: the tools of the running Luna, and running one of them by hand. */
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { pathsOf } from "../config/paths.ts";
import type { McpServer } from "../contract/config.ts";
import { ExecuteAnswer, ToolView } from "../contract/tool.ts";
import { didYouMean } from "../lib/did-you-mean.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { isInMcp } from "../tools/in-mcp.ts";
import { readArguments, readVerb, type Verb } from "./arguments.ts";
import { Control } from "./control.ts";
import { table } from "./table.ts";
import { argumentsIn, readJsonObject } from "./tool-arguments.ts";
import { TOOLS_USAGE, USAGE } from "./usage.ts";
import { writeOut } from "./write-out.ts";

const FLAG = { type: "boolean", default: false } as const;
const WORDS_MAX = 256;
/** A tool's own limit may be an hour; a little more, so that its own words arrive. */
const CALL_TIMEOUT_MS = 3_610_000;
const SUMMARY_LENGTH_MAX = 80;

const AllTools = z.object({ tools: z.array(ToolView), problems: z.array(z.string()) });

/** The tools that an MCP server offers, of all there are. */
async function offeredBy(
  environment: Environment,
  { server, tools }: { server: string; tools: ToolView[] },
): Promise<ToolView[]> {
  const config = await new MasterConfigStore(pathsOf(environment.home).masterConfig).read();
  const named = Object.keys(config.mcp_servers);
  const offeredTo = (own: Pick<McpServer, "tool_config">) =>
    tools.filter(({ name }) => isInMcp(config, own, name));
  if (server === "main") return offeredTo({ tool_config: {} });
  const own = config.mcp_servers[server];
  if (own === undefined) {
    throw new NotFoundError(
      `Cannot find the MCP server "${server}": there are ${["main", ...named].join(", ")}.${didYouMean(server, named)}`,
    );
  }
  return offeredTo(own);
}

/** The first sentence, in one line. */
function summaryOf(description: string): string {
  const sentence = (/^.*?[.!?](?=\s|$)/s.exec(description)?.[0] ?? description).replace(
    /\s+/g,
    " ",
  );
  if (sentence.length <= SUMMARY_LENGTH_MAX) return sentence;
  return `${sentence.slice(0, SUMMARY_LENGTH_MAX - 1).toWellFormed()}…`;
}

function listText(tools: readonly ToolView[]): string {
  if (tools.length === 0) return "There are no tools.";
  const rows = tools.map(({ name, extension, annotations, description }) => [
    name,
    extension,
    annotations?.readOnlyHint === true ? "reads" : "may change",
    summaryOf(description),
  ]);
  return table([["TOOL", "EXTENSION", "EFFECT", "WHAT IT DOES"], ...rows]);
}

async function list(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, {
    usage: TOOLS_USAGE.list,
    options: { server: { type: "string" }, json: FLAG },
  });
  const found = await (await Control.of(environment)).ask("/tools/all", AllTools);
  const { server } = values;
  const tools =
    server === undefined
      ? found.tools
      : await offeredBy(environment, { server, tools: found.tools });
  const { problems } = found;
  await writeOut(
    `${values.json ? JSON.stringify({ tools, problems }, null, 2) : listText(tools)}\n`,
  );
  if (!values.json) for (const problem of problems) process.stderr.write(`${problem}\n`);
  return 0;
}

async function find(control: Control, name: string): Promise<ToolView> {
  const { tools } = await control.ask("/tools/all", AllTools);
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  const names = tools.map((one) => one.name);
  // Names are upper case, and fingers are not.
  const meant = names.find((one) => one.toLowerCase() === name.toLowerCase());
  const hint = meant === undefined ? didYouMean(name, names) : ` Did you mean "${meant}"?`;
  throw new NotFoundError(
    `Cannot run the tool "${name}": there is none of that name; "luna tools list" shows all.${hint}`,
  );
}

/** A text as it is, anything else as JSON. */
function textOf(result: unknown): string {
  return typeof result === "string" ? result : JSON.stringify(result, null, 2);
}

async function run(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: TOOLS_USAGE.run,
    options: { args: { type: "string" }, json: FLAG },
    words: { min: 1, max: WORDS_MAX },
    // Any of them may be a password that the tool wants.
    isPrivate: true,
  });
  const [name = "", ...words] = positionals;
  if (values.args !== undefined && words.length > 0) {
    throw new InvalidInputError("Cannot take both --args and name=value: give one of them");
  }
  const control = await Control.of(environment);
  const tool = await find(control, name);
  const given =
    values.args === undefined
      ? argumentsIn(words, tool.input_schema)
      : readJsonObject(values.args === "-" ? await Bun.stdin.text() : values.args);
  const answer = await control.ask(`/tools/execute/${encodeURIComponent(name)}`, ExecuteAnswer, {
    method: "POST",
    body: given,
    timeoutMs: CALL_TIMEOUT_MS,
  });
  const { success, result } = answer;
  if (values.json) await writeOut(`${JSON.stringify(answer, null, 2)}\n`);
  else if (success) await writeOut(`${textOf(result)}\n`);
  else process.stderr.write(`${textOf(result)}\n`);
  return success ? 0 : 1;
}

const VERBS: Readonly<Record<string, Verb>> = { list, run };

export function tools(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.tools });
  return verb(environment, rest);
}
