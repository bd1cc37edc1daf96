/** The durable files of a home, each with the smallest command of the compiled Luna that writes it. */
import { Database } from "bun:sqlite";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "../../src/config/env-text.ts";
import { portsWith } from "../../src/config/ports.ts";
import { LoginLink } from "../../src/contract/auth.ts";
import { MasterConfig } from "../../src/contract/config.ts";
import { CoreServiceName, StateFile } from "../../src/contract/process.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import { PRIVATE_MODE, removeTemporaries } from "../../src/lib/files.ts";
import { sendSignal } from "../../src/lib/proc.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import { BINARY, freeOffset } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import type { Outcome, Scenario } from "./crash-points.ts";
import { tracedPid } from "./strace.ts";

export const TOKEN = "the-token-of-this-test-only";
const ENV_TEXT = `# mine\nLUNA_SECRET=${TOKEN}1\nSUPERVISOR_API_TOKEN=${TOKEN}\nAGENT_API_KEY=sk-luna-${TOKEN}\n`;
/** One after another; each is a write of master_config.json. */
const CREATED = Array.from({ length: 5 }, (_, index) => `server_${index}`);
const LINKS = 12;
/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:1/";

/** For each lane, which runs beside the others, ports of its own. */
export type Lanes = readonly number[];

export function takeLanes(count: number): Lanes {
  return Array.from({ length: count }, () => freeOffset());
}

/** A clean environment, with no program but what the home brings. */
export function clean(home: string, offset: number): Record<string, string> {
  return {
    PATH: join(home, "programs"),
    HOME: home,
    LUNA_HOME: home,
    LUNA_PORT_OFFSET: String(offset),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
  };
}

/** The running program itself, which may be a child of strace. */
type Run = Parameters<Scenario<unknown>["drive"]>[0];

/** Waits until `url` answers; false when the program ended before. */
export async function answers({ exited }: Run, url: string): Promise<boolean> {
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  await until(async () => ended || (await fetch(url)).ok, { timeoutMs: 20_000, what: url });
  return !ended;
}

export async function post(url: string, body: unknown): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    return undefined; // It was killed in the middle of it.
  }
}

export async function end({ pid, traced, exited }: Run): Promise<void> {
  const own = traced ? await tracedPid(pid) : pid;
  if (own !== undefined) sendSignal(own, "SIGTERM");
  await exited;
}

export function requireOneOf(file: string, outcome: Outcome<unknown>): void {
  const { before, killed, after } = outcome;
  const text = killed.get(file);
  if (text === before.get(file) || text === after.get(file)) return;
  throw new Error(`${file} is neither old nor new: ${JSON.stringify(text?.slice(0, 200))}`);
}

/** A home in which `luna supervise` writes its files and does little else: no part can be started where its log cannot be. */
export async function layOutQuietHome(home: string): Promise<void> {
  const folders = [".luna/run", ".luna/tools", ".luna/caddy", "extensions", "programs"];
  for (const folder of folders) await mkdir(join(home, folder), { recursive: true });
  await symlink("/bin/true", join(home, "programs/caddy"));
  for (const name of [...CoreServiceName.options, "caddy"]) {
    await mkdir(join(home, "logs", `${name}.log`), { recursive: true });
  }
  await writeFile(join(home, ".env"), ENV_TEXT, { mode: PRIVATE_MODE });
}

/** The supervisor, with no part that it could start: master_config.json, state.json, the routes and the Caddyfile. */
export function supervisorScenario(lanes: Lanes, old?: Record<string, string>): Scenario<string[]> {
  const offsetOf = (lane: number): number => lanes[lane] ?? 0;
  return {
    durable: [
      ".luna/master_config.json",
      ".luna/api_keys.json",
      ".luna/state.json",
      ".luna/Caddyfile",
      ".luna/routes.json",
      ".luna/bin/bun",
    ],
    prepare: async (home) => {
      await layOutQuietHome(home);
      for (const [file, text] of Object.entries(old ?? {})) await writeFile(join(home, file), text);
    },
    command: [BINARY, "supervise"],
    environment: (home, lane) => clean(home, offsetOf(lane)),
    drive: async (run) => {
      const address = `http://127.0.0.1:${portsWith(offsetOf(run.lane)).supervisor}`;
      const created: string[] = [];
      if (!(await answers(run, `${address}/health`))) return created;
      // The second start proves that the file can be written again, with one more.
      for (const name of run.traced ? CREATED : ["last"]) {
        const response = await post(`${address}/mcp-servers/create`, { name });
        if (response === undefined) break;
        if (!response.ok) throw new Error(`${name} was refused: ${await response.text()}`);
        created.push(name);
      }
      await end(run);
      return created;
    },
    judge: (outcome) => {
      const { facts: created, killed, before, after } = outcome;
      requireOneOf(".luna/Caddyfile", outcome);
      requireOneOf(".luna/bin/bun", outcome);
      requireOneOf(".luna/routes.json", outcome);
      requireOneOf(".luna/api_keys.json", outcome);
      const state = killed.get(".luna/state.json");
      if (state !== undefined) StateFile.parse(JSON.parse(state));
      const text = killed.get(".luna/master_config.json");
      const config = MasterConfig.parse(JSON.parse(text ?? "{}"));
      const had = Object.keys(
        MasterConfig.parse(JSON.parse(before.get(".luna/master_config.json") ?? "{}")).mcp_servers,
      );
      const has = Object.keys(config.mcp_servers).slice(had.length);
      // What was answered is there; of what was asked and not answered, at most the next.
      const possible = [created, [...created, CREATED[created.length]]].map(String);
      if (!possible.includes(String(has)))
        throw new Error(`${has} is there, ${created} was answered`);
      const again = MasterConfig.parse(JSON.parse(after.get(".luna/master_config.json") ?? "{}"));
      if (String(Object.keys(again.mcp_servers)) !== String([...had, ...has, "last"])) {
        throw new Error(`The next start made ${Object.keys(again.mcp_servers)} of ${had}, ${has}`);
      }
      if (JSON.stringify(again["mine"]) !== JSON.stringify(config["mine"]))
        throw new Error("A key is lost");
    },
  };
}

/** The bootstrap's first work: Luna's own keys. It ends where it finds no Caddy. */
export function envScenario(lanes: Lanes, old: string): Scenario<void> {
  const mine = parseEnv(old);
  return {
    durable: [".env"],
    prepare: async (home) => {
      await mkdir(join(home, "programs"));
      if (old !== "") await writeFile(join(home, ".env"), old);
    },
    command: [BINARY, "up"],
    environment: (home, lane) => ({
      ...clean(home, lanes[lane] ?? 0),
      LUNA_CADDY_RELEASES: NOWHERE,
    }),
    drive: async ({ exited }) => void (await exited),
    judge: ({ killed, after }) => {
      const text = killed.get(".env") ?? "";
      const values = parseEnv(text);
      const made = ["LUNA_SECRET", "SUPERVISOR_API_TOKEN", "AGENT_API_KEY"];
      const isNew = made.every((name) => (values[name]?.length ?? 0) > 20);
      if (text !== old && !(isNew && text.startsWith(old)))
        throw new Error(`.env is torn: ${text}`);
      const again = parseEnv(after.get(".env") ?? "");
      for (const [name, value] of Object.entries({ ...mine, ...(isNew ? values : {}) })) {
        if (again[name] !== value) throw new Error(`${name} was lost`);
      }
      if (!made.every((name) => again[name])) throw new Error("The next start made no keys");
    },
  };
}

const TOOL_FILE = (description: string): string => `/** One tool. */
import { defineTool, z } from "luna";
export const TOOLS = [
  defineTool({ name: "ONE", description: ${JSON.stringify(description)}, input: z.object({}), run: () => "1" }),
];
`;

/** The description of an extension's tools, over an older one of `oldBytes`; none, when that is 0. */
export function toolsScenario(
  lanes: Lanes,
  sizes: { oldBytes: number; newBytes: number },
): Scenario<void> {
  const file = ".luna/tools/one.json";
  const old = JSON.stringify({
    extension: "one",
    content_hash: "old",
    system_prompt: "o".repeat(sizes.oldBytes),
    tools: [],
    problems: [],
  });
  return {
    durable: [file],
    prepare: async (home) => {
      await mkdir(join(home, ".luna/tools"), { recursive: true });
      await mkdir(join(home, "extensions/one/tools"), { recursive: true });
      await writeFile(
        join(home, "extensions/one/tools/one_tools.ts"),
        TOOL_FILE("n".repeat(sizes.newBytes)),
      );
      if (sizes.oldBytes > 0) await writeFile(join(home, file), old);
    },
    command: [BINARY, "tool-host", "one", "--describe"],
    environment: (home, lane) => clean(home, lanes[lane] ?? 0),
    drive: async ({ exited }) => void (await exited),
    judge: async (outcome) => {
      requireOneOf(file, outcome);
      JSON.parse(outcome.after.get(file) ?? "");
      // A description removes what an earlier one left only when Luna itself starts.
      const folder = join(outcome.home, dirname(file));
      await removeTemporaries(folder);
    },
  };
}

/** Opens a copy, so that Luna's own next start meets what the kill left. */
async function readCopy<T>(home: string, read: (database: Database) => T): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), "luna-copy-"));
  try {
    const luna = join(home, ".luna");
    for (const name of await readdir(luna).catch(() => [])) {
      if (name.startsWith("luna.db")) await cp(join(luna, name), join(copy, name));
    }
    const database = new Database(join(copy, "luna.db"), { create: true });
    try {
      return read(database);
    } finally {
      database.close();
    }
  } finally {
    await rm(copy, { recursive: true });
  }
}

function requireWhole(database: Database, tokens: readonly string[]): void {
  const check = database.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
  if (check[0]?.integrity_check !== "ok") throw new Error(`luna.db: ${JSON.stringify(check)}`);
  if (tokens.length === 0) return;
  const query = database.query<{ token_hash: string }, []>(
    "SELECT token_hash FROM luna_login_links",
  );
  const hashes = new Set(query.all().map((row) => row.token_hash));
  const lost = tokens.filter((token) => !hashes.has(hashSecret(token)));
  if (lost.length > 0) throw new Error(`luna.db lost ${lost.length} of ${tokens.length} rows`);
  if (hashes.size > tokens.length + 1) throw new Error("luna.db has rows that nobody asked for");
}

/** The database: tables unless it has them, then rows that were answered for. */
export function databaseScenario(
  lanes: Lanes,
  options: { hasTables: boolean },
): Scenario<string[]> {
  const offsetOf = (lane: number): number => lanes[lane] ?? 0;
  return {
    durable: [".luna/luna.db"],
    prepare: async (home) => {
      await mkdir(join(home, ".luna"));
      if (options.hasTables) await (await openSqlite(join(home, ".luna/luna.db"))).close();
    },
    command: [BINARY, "service", "auth"],
    environment: (home, lane) => ({
      ...clean(home, offsetOf(lane)),
      LUNA_AUTH_TOKEN: TOKEN,
      LUNA_TOKEN_CHECK: TOKEN,
      LUNA_PUBLIC_URL: "http://127.0.0.1:8443",
      LUNA_DEPLOYMENT_MODE: "local",
    }),
    drive: async (run) => {
      const address = `http://127.0.0.1:${portsWith(offsetOf(run.lane)).auth}`;
      const tokens: string[] = [];
      if (!(await answers(run, `${address}/healthz`))) return tokens;
      for (let made = 0; run.traced && made < LINKS; made += 1) {
        const response = await post(`${address}/login-links`, {});
        if (response === undefined) break;
        if (!response.ok) throw new Error(`A link was refused: ${await response.text()}`);
        tokens.push(LoginLink.parse(await response.json()).token);
      }
      await end(run);
      return tokens;
    },
    inspect: (home, tokens) => readCopy(home, (database) => requireWhole(database, tokens)),
    judge: ({ home, facts }) => readCopy(home, (database) => requireWhole(database, facts)),
  };
}

/** A writer that changes its file in place: whoever looks for torn files must find this one's. */
export function naiveScenario(): Scenario<void> {
  const file = "list.json";
  const long = JSON.stringify(Array.from({ length: 1_000 }, (_, index) => `entry ${index}`));
  return {
    durable: [file],
    prepare: (home) => writeFile(join(home, file), long),
    command: [process.execPath, resolve(import.meta.dir, "../fixtures/naive-writer.ts")],
    environment: (home) => clean(home, 0),
    drive: async ({ exited }) => void (await exited),
    judge: ({ killed }) => {
      JSON.parse(killed.get(file) ?? "");
    },
  };
}
