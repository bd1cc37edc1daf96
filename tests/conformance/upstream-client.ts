/** Run by the conformance suite as its client: a running Luna gets the server that the suite names, signs in there, and calls its tools. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ToolsFile } from "../../src/contract/tool.ts";
import { BINARY, runLuna } from "../support/start-luna.ts";

/** A server may want more with a call than it said before. */
const SIGN_INS_MAX = 4;
const SECRET = "CONFORMANCE_SECRET";
/** The address that the suite takes for a client's document. */
const DOCUMENT = "https://conformance-test.local/client-metadata.json";

const Context = z.looseObject({
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
});

const url = process.argv.at(-1) ?? "";
const { MCP_CONFORMANCE_CONTEXT: given = "{}", MCP_CONFORMANCE_SCENARIO: scenario = "" } = Bun.env;
const { client_id, client_secret } = Context.parse(JSON.parse(given));
const environment = Object.fromEntries(
  Object.entries(Bun.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith("MCP_") ? [] : [[name, value]],
  ),
);
const home = environment["LUNA_HOME"] ?? "";
/** One extension for each scenario. */
const name = `s${new URL(url).port}`;

async function luna(...args: string[]) {
  return runLuna(args, environment);
}

async function oauth(): Promise<unknown> {
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
  for (const tool of tools) {
    const { code, stdout, stderr } = await luna("tools", "run", tool.name);
    if (code !== 0) said.push(stdout + stderr);
  }
  return said.join("\n");
}

const folder = join(home, "extensions", name);
await mkdir(folder, { recursive: true });
await writeFile(
  join(folder, "config.json"),
  JSON.stringify({
    version: "1",
    required_secrets: client_secret === undefined ? [] : [SECRET],
    mcp_servers: { [name]: { url, oauth: await oauth() } },
  }),
);
for (let signIns = 0; signIns < SIGN_INS_MAX; signIns += 1) {
  await signIn();
  const said = await callAll();
  if (said === "") process.exit(0);
  if (!said.includes("luna mcp login")) throw new Error(said);
}
throw new Error("It wants to be signed in at again and again");
