/** A running Luna with everything that the arms need of it, and the servers it is compared with. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOOLS } from "../../extensions/notes/tools/notes_tools.ts";
import { AuditTrail } from "../../src/audit/trail.ts";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { createLogger } from "../../src/lib/log.ts";
import { generateSecret } from "../../src/lib/secret.ts";
import { ToolCatalogue } from "../../src/tools/catalogue.ts";
import { ToolClient } from "../../src/tools/client.ts";
import { DOCUMENT } from "../support/auth-harness.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { type Target, TOOL, TOOL_ARGUMENTS } from "./requests.ts";
import { type Server, startServer } from "./servers.ts";

const BENCH = { actor: { kind: "local", name: "bench" }, address: null } as const;

const NOTES = 20;
const NOTE_FOUND = { title: "Wi-Fi of the cabin", body: "Network: birch. Behind the red gate." };
const CREATE = "NOTES_UPDATE_create";

/** One tool call of Luna's notes, however it is reached. */
type CallTool = (tool: string, args: Record<string, unknown>) => Promise<unknown>;

export interface Subject {
  luna: Luna;
  model: Server;
  bare: Server;
  /** The very functions of the notes extension, in this process and on notes of their own. */
  inProcess: CallTool;
  /** The same in their warm tool host, by Luna's own client. */
  inHost: CallTool;
  agent(base: string, path: string): Target;
  mcp(base: string): Target;
  /** A page of the Hub, as the owner's browser asks for it. */
  page(path: string): Target;
  stop(): Promise<void>;
}

function notesIn(folder: string): CallTool {
  const context = {
    extension: "notes",
    data_dir: folder,
    signal: new AbortController().signal,
    log: createLogger("bench"),
  };
  return async (name, args) => {
    const tool = TOOLS.find((one) => one.name === name);
    if (tool === undefined) throw new Error(`There is no tool ${name}`);
    return Reflect.apply(tool.run, tool, [tool.input.parse(args), context]);
  };
}

function toolClient({ paths, ports, credentials }: Luna): CallTool {
  const config = new MasterConfigStore(paths.masterConfig);
  const log = createLogger("bench");
  const audit = new AuditTrail({ folder: paths.audit, process: "bench", log });
  const client = new ToolClient({
    paths,
    catalogue: new ToolCatalogue({ paths, config }),
    config,
    supervisorUrl: `http://127.0.0.1:${ports.supervisor}`,
    token: credentials.toolHostToken,
    ...{ audit, log },
  });
  return async (tool, args) => {
    const { success, payload } = await client.call({ tool, arguments: args, caller: BENCH });
    if (!success) throw new Error(String(payload));
    return payload;
  };
}

async function writeNotes(call: CallTool): Promise<void> {
  await call(CREATE, NOTE_FOUND);
  for (let note = 1; note < NOTES; note += 1) {
    await call(CREATE, { title: `Note ${note}`, body: "Nothing that anyone looks for." });
  }
}

async function makeMcpServer(luna: Luna): Promise<McpServerKey> {
  const response = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "bench" }),
  });
  return McpServerKey.parse(await response.json());
}

/** The owner has one, so that strangers have something to guess. */
async function setPassphrase({ ports, credentials }: Luna): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${ports.auth}/passphrase`, {
    method: "PUT",
    headers: {
      Authorization: `Bearer ${credentials.authToken}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ passphrase: generateSecret() }),
  });
  if (!answer.ok) throw new Error(`No passphrase was set: ${await answer.text()}`);
}

/** What was started, so that all of it ends whatever fails. */
class Started {
  readonly #stops: (() => Promise<unknown>)[] = [];

  add<T>(thing: T, stop: (thing: T) => Promise<unknown>): T {
    this.#stops.push(() => stop(thing));
    return thing;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

async function build(started: Started): Promise<Subject> {
  const model = started.add(await startServer("model"), (one) => one.stop());
  const bare = started.add(await startServer("bare"), (one) => one.stop());
  const environment = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "sk-stand-in" };
  const luna = started.add(await startLuna({ environment }), async (one) => {
    await one.stop();
    await one.remove();
  });
  // What is measured is how fast Luna is, not how fast a client may be.
  await new MasterConfigStore(luna.paths.masterConfig).update((config) => {
    config.rate_limits = { api_key: null, agent_api_key: null, mcp_server_key: null };
  });
  const folder = started.add(await mkdtemp(join(tmpdir(), "luna-bench-notes-")), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const made = await makeMcpServer(luna);
  const { pathname } = new URL(made.server.url);
  await setPassphrase(luna);
  const Cookie = await luna.signIn();
  return {
    luna,
    model,
    bare,
    inProcess: notesIn(folder),
    inHost: toolClient(luna),
    agent: (base, path) => ({
      url: `${base}${path}`,
      headers: { Authorization: `Bearer ${luna.credentials.agentKey}` },
    }),
    mcp: (base) => ({
      url: `${base}${pathname}`,
      headers: { Authorization: `Bearer ${made.api_key}`, "MCP-Protocol-Version": "2025-11-25" },
    }),
    page: (path) => ({ url: `${luna.url}${path}`, headers: { Cookie, ...DOCUMENT } }),
    stop: () => started.stop(),
  };
}

/** Starts Luna, the model and the bare server. No tool host runs yet. */
export async function startSubject(): Promise<Subject> {
  const started = new Started();
  try {
    return await build(started);
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** Warms the tool host, and makes sure that both ways to the tool find the same. */
export async function prepareTools({ inProcess, inHost }: Subject): Promise<void> {
  await Promise.all([writeNotes(inProcess), writeNotes(inHost)]);
  for (const call of [inProcess, inHost]) {
    const found = JSON.stringify(await call(TOOL, TOOL_ARGUMENTS));
    if (!found.includes(NOTE_FOUND.title)) throw new Error(`The tool found nothing: ${found}`);
  }
}
