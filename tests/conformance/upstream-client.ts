/** Run by the conformance suite as its client: a running Luna gets the server that the suite names, and the server's tools are called as Luna's. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { z } from "zod";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { StateFile } from "../../src/contract/process.ts";
import { ToolsFile } from "../../src/contract/tool.ts";
import { BINARY, runLuna } from "../support/start-luna.ts";

/** A server may want more with a call than it said before; an owner does not allow more for ever. */
const SIGN_INS_MAX = 3;
/** The suite starts all its scenarios at once. */
const SIGN_IN_TIMEOUT_MS = 100_000;
const SECRET = "CONFORMANCE_SECRET";
/** The address that the suite takes for a client's document. */
const DOCUMENT = "https://conformance-test.local/client-metadata.json";

const Context = z.looseObject({
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  /** What the scenario wants to be called. */
  toolCalls: z
    .array(z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }))
    .default([]),
});

const url = process.argv.at(-1) ?? "";
const { MCP_CONFORMANCE_CONTEXT: given = "{}", MCP_CONFORMANCE_SCENARIO: scenario = "" } = Bun.env;
const { client_id, client_secret, toolCalls } = Context.parse(JSON.parse(given));
const environment = Object.fromEntries(
  Object.entries(Bun.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith("MCP_") ? [] : [[name, value]],
  ),
);
const home = environment["LUNA_HOME"] ?? "";
/** One extension for each scenario; a port may come again. */
const name = `s${process.pid}`;

async function luna(...args: string[]) {
  return runLuna(args, environment);
}

async function oauth(): Promise<unknown> {
  if (!scenario.startsWith("auth/")) return false;
  if (client_id !== undefined) {
    return {
      client_id,
      ...(client_secret === undefined ? {} : { client_secret: { secret: SECRET } }),
    };
  }
  return scenario.includes("cimd") ? { client_metadata_url: DOCUMENT } : true;
}

/** Signs in; the browser is this. */
async function signIn(): Promise<void> {
  const child = Bun.spawn([BINARY, "mcp", "login", name], {
    ...{ env: environment, stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    timeout: SIGN_IN_TIMEOUT_MS,
  });
  let output = "";
  let isOpened = false;
  for await (const piece of child.stdout) {
    output += new TextDecoder().decode(piece);
    const address = /^ {2}(http\S+)$/m.exec(output)?.[1];
    if (address === undefined || isOpened) continue;
    isOpened = true;
    const sent = await fetch(address, { redirect: "manual" });
    await fetch(sent.headers.get("Location") ?? "");
  }
  if ((await child.exited) !== 0) throw new Error(`luna mcp login: ${output}`);
}

async function callAll(): Promise<string> {
  const file = Bun.file(join(home, ".luna/tools", `${name}.json`));
  const { tools, problems } = ToolsFile.parse(await file.json());
  const said = [...problems];
  if (tools.length === 0 && said.length === 0) throw new Error("The server has no tools");
  for (const tool of tools) {
    const { code, stdout, stderr } = await luna("tools", "run", tool.name);
    if (code !== 0) said.push(stdout + stderr);
  }
  return said.join("\n");
}

/** Signs in as often as it is told to. */
async function signInAndCall(): Promise<void> {
  for (let signIns = 0; signIns < SIGN_INS_MAX; signIns += 1) {
    await signIn();
    const said = await callAll();
    if (said === "") return;
    if (!said.includes("luna mcp login")) throw new Error(said);
  }
  throw new Error("It wants to be signed in at again and again");
}

type Offered = Awaited<ReturnType<Client["listTools"]>>["tools"];

/** What the scenario says, or what fits into the tool's schema. */
function argumentsFor(tool: Offered[number], all: Offered): Record<string, unknown> {
  const own = (told: string) => `${name.toUpperCase()}_${told}`;
  const wanted = toolCalls.find((call) => tool.name === own(call.name));
  if (wanted !== undefined) return wanted.arguments;
  if (tool.name === own("json_schema_echo")) {
    return { schema: all.find((one) => one.name === own("json_schema_2020_12_tool"))?.inputSchema };
  }
  const properties = Object.entries(tool.inputSchema.properties ?? {});
  const numbers = properties.filter(([, schema]) => JSON.stringify(schema).includes('"number"'));
  return Object.fromEntries(numbers.map(([property], index) => [property, index + 1]));
}

/** Calls everything with a client of Luna's that says yes to every question, with the answers that are there already. */
async function callByClient(): Promise<void> {
  const made = await luna("mcp", "create", name, "--json");
  const { server, api_key } = McpServerKey.parse(JSON.parse(made.stdout));
  const client = new Client(
    { name: "conformance", version: "1" },
    { capabilities: { elicitation: { form: { applyDefaults: true }, url: {} } } },
  );
  client.setRequestHandler("elicitation/create", ({ params }) => {
    const isAsked = JSON.stringify(params).includes('"confirm');
    return { action: "accept", content: isAsked ? { confirmed: true } : {} };
  });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(server.url), {
      requestInit: { headers: { Authorization: `Bearer ${api_key}` } },
    }),
  );
  const offered = (await client.listTools()).tools.filter((tool) =>
    tool.name.startsWith(`${name.toUpperCase()}_`),
  );
  for (const tool of offered) {
    const given = argumentsFor(tool, offered);
    const answered = await client.callTool({ name: tool.name, arguments: given });
    if (answered.isError === true) process.stderr.write(`${JSON.stringify(answered)}\n`);
  }
  await client.close();
}

const laying = join(home, `laying-${name}`);
await mkdir(laying);
await writeFile(
  join(laying, "config.json"),
  JSON.stringify({
    version: "1",
    required_secrets: client_secret === undefined ? [] : [SECRET],
    mcp_servers: { [name]: { url, oauth: await oauth() } },
  }),
);
// Whole at once: for the scenarios beside this one, Luna looks through all that is installed.
await rename(laying, join(home, "extensions", name));
try {
  if (scenario.startsWith("auth/")) await signInAndCall();
  else {
    process.stderr.write((await luna("ext", "reload", name)).stdout);
    await callByClient();
  }
} finally {
  // Luna stays connected, and the suite waits for everybody to leave.
  const state = StateFile.parse(await Bun.file(join(home, ".luna/state.json")).json());
  const hosts = Object.keys(state.services).filter((id) => id.startsWith(`tool-host-${name}`));
  for (const host of hosts) await luna("stop", host);
}
