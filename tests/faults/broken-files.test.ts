/** Files broken by hand or by a disk: named with line and column, never reset, the rest runs, and a mended one counts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CoreServiceName, Overview, StateFile } from "../../src/contract/process.ts";
import { ToolsFile } from "../../src/contract/tool.ts";
import { PRIVATE_MODE } from "../../src/lib/files.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const BROKEN = '{\n  "luna": {},\n  "mine": oops\n}\n';
/** What is damaged in place of a file that this home does not have. */
const NOT_YET_THERE = '{\n  "mine": {},\n  "operations": [],\n  "services": {}\n}\n';
const MEGABYTE = 1024 * 1024;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna();
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

const read = (path: string): Promise<string> => readFile(path, "utf8");

/** As an editor does it: another file takes the name. */
async function replace(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.edited`, content, { mode: PRIVATE_MODE });
  await rename(`${path}.edited`, path);
}

async function problems() {
  return Overview.parse(await (await luna.control("/overview")).json()).problems;
}

/** Waits for a problem that `pattern` matches. */
function problem(pattern: RegExp) {
  return until(async () => (await problems()).find(({ title }) => pattern.test(title)), {
    what: `a problem like ${pattern}`,
  });
}

const noProblem = (): Promise<boolean> =>
  until(async () => (await problems()).length === 0, { what: "no problem" });

function create(name: string): Promise<Response> {
  return luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
}

async function expectAllToRun(): Promise<void> {
  expect((await fetch(`${luna.url}/healthz`)).status).toBe(200);
  const state = await luna.state();
  for (const name of [...CoreServiceName.options, "caddy"]) {
    expect(state.services[name]).toMatchObject({ status: "running" });
  }
}

/** JSON of the same fields, each of which is a number. */
function sevens(text: string): string {
  try {
    return JSON.stringify(Object.fromEntries(Object.keys(JSON.parse(text)).map((key) => [key, 7])));
  } catch {
    return "7"; // Of a file that is no JSON.
  }
}

/** Each makes a broken file out of a good one. */
const CORPUS: Record<string, (text: string) => string | Uint8Array> = {
  "of which the end is missing": (text) => text.slice(0, -9),
  "with a flipped bit": (text) => {
    const bytes = Buffer.from(text);
    bytes[2] = (bytes[2] ?? 0) ^ 0x80;
    return bytes;
  },
  "of another type": () => "[]",
  "with values of another type": sevens,
  "of 10 MB": (text) =>
    `${text.slice(0, 1)}"mine": "${"m".repeat(10 * MEGABYTE)}", ${text.slice(1)}`,
  "nested beyond reason": () => "[".repeat(200_000),
  "that is empty": () => "",
  "of NUL bytes": () => new Uint8Array(4_096),
};

for (const [name, damage] of Object.entries(CORPUS)) {
  test(
    `fault 12: a configuration ${name} is named and kept, and the last good one is in force`,
    async () => {
      const path = luna.paths.masterConfig;
      const good = await read(path);
      const broken = Buffer.from(damage(good));
      await replace(path, broken);
      const told = await problem(/master_config\.json/);
      expect(told.title.length).toBeLessThan(1_000);
      expect((await create("never")).status).toBe(422);
      expect((await readFile(path)).equals(broken)).toBe(true);
      const { tools } = await (await luna.control("/tools/all")).json();
      expect(tools.length).toBeGreaterThan(0);
      await expectAllToRun();
      await replace(path, good);
      await noProblem();
    },
    TIMEOUT_MS,
  );
}

test(
  "a syntax error in the configuration is named with line and column, and the mended file counts",
  async () => {
    const path = luna.paths.masterConfig;
    const good = await read(path);
    await replace(path, BROKEN);
    const { title, fix } = await problem(/line 3, column 11 is not valid JSON/);
    expect(title).toContain(path);
    expect(fix).toContain("takes it up by itself");
    await replace(path, `\uFEFF${good}`); // Some editors begin a file so.
    await noProblem();
    const name = "after_mending";
    expect((await create(name)).status).toBe(200);
    expect(await read(path)).toContain(name);
  },
  TIMEOUT_MS,
);

test(
  "an odd line of .env is named, never shown, and kept",
  async () => {
    const path = luna.paths.env;
    const good = await read(path);
    const lines = good.split("\n").length;
    await appendFile(path, `  my secret words\nQUOTED="no end\n`);
    const { title } = await problem(/is no NAME=value/);
    expect(title).toContain(`line ${lines}, column 3`);
    expect(title).not.toContain("secret");
    await problem(new RegExp(`line ${lines + 1}, column 8 begins a quote that does not end`));
    await replace(path, good);
    await noProblem();
  },
  TIMEOUT_MS,
);

test(
  "a broken description of tools is named, and mended in place it counts",
  async () => {
    const path = luna.paths.toolsFile("notes");
    const good = await read(path);
    await replace(path, good.replace('"tools": [', '"tools": ['.slice(0, -1)));
    await problem(/tools\/notes\.json": line \d+, column \d+ is not valid JSON/);
    await expectAllToRun();
    await writeFile(path, good);
    await noProblem();
    const { tools } = await (await luna.control("/tools/all")).json();
    expect(tools.length).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  "Luna starts over broken files, says which, keeps them, and takes up the mended ones without a restart",
  async () => {
    const { masterConfig, state, extensions, env } = luna.paths;
    const manifest = join(extensions, "notes", "config.json");
    const tools = luna.paths.toolsFile("notes");
    const [goodConfig, goodManifest] = [await read(masterConfig), await read(manifest)];
    await luna.stop();
    const files = [masterConfig, manifest, state, tools];
    for (const path of files) await writeFile(path, BROKEN);
    await appendFile(env, "noise\n");
    const keys = await read(env);
    luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
    await problem(/master_config\.json": line 3, column 11 is not valid JSON/);
    await problem(/state\.json": line 3, column 11 is not valid JSON/);
    await problem(/\.env": line \d+, column 1 is no NAME=value/);
    await expectAllToRun();
    expect((await create("never")).status).toBe(422);
    expect(await read(masterConfig)).toBe(BROKEN);
    expect(await read(manifest)).toBe(BROKEN);
    expect(await read(env)).toBe(keys);
    // state.json is of the moment: the broken one is laid aside, for whoever wants to know.
    expect(await read(`${state}.broken`)).toBe(BROKEN);
    StateFile.parse(JSON.parse(await read(state)));

    await replace(masterConfig, goodConfig);
    await problem(/notes\/config\.json": line 3, column 11 is not valid JSON/);
    await replace(manifest, goodManifest);
    const names = await until(
      async () => {
        const { tools } = await (await luna.control("/tools/all")).json();
        return tools.length > 0 && tools;
      },
      { what: "the tools of the mended extension" },
    );
    expect(names).not.toEqual([]);
    ToolsFile.parse(JSON.parse(await read(tools)));
    expect((await create("mended")).status).toBe(200);
    const left = await problems();
    expect(left.map(({ id }) => id).sort()).toEqual(["env-0", "state-unreadable"]);
  },
  TIMEOUT_MS,
);

/** What was laid aside, and the odd line of .env, which nobody has mended. */
const STAYS = ["state-unreadable", "env-0"];

/** What Luna reads at its start, besides the keys in .env. */
const filesOf = ({ paths }: Luna): string[] => [
  paths.masterConfig,
  paths.state,
  paths.routes,
  paths.caddyfile,
  join(paths.extensions, "notes", "config.json"),
  paths.toolsFile("notes"),
  paths.serviceRoutes,
];

/** What only its owner may put right. */
const keptOf = ({ paths }: Luna): string[] => [
  paths.masterConfig,
  join(paths.extensions, "notes", "config.json"),
  paths.apiKeys,
  paths.serviceRegistry,
  paths.updateQueue,
  paths.updateQueueFailed,
  paths.updateRetryCount,
  paths.coreUpdate,
];

for (const [name, damage] of Object.entries(CORPUS)) {
  test(
    `fault 12: Luna starts over files ${name}, says so, and keeps what is not its own to make again`,
    async () => {
      await luna.stop();
      const kept = keptOf(luna);
      const good = new Map<string, string>();
      const broken = new Map<string, Buffer>();
      for (const path of new Set([...filesOf(luna), ...kept])) {
        if (existsSync(path)) good.set(path, await read(path));
        broken.set(path, Buffer.from(damage(good.get(path) ?? NOT_YET_THERE)));
        await writeFile(path, broken.get(path) ?? "", { mode: PRIVATE_MODE });
      }
      luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
      await problem(/master_config\.json/);
      await expectAllToRun();
      for (const path of kept) {
        expect([path, (await readFile(path)).equals(broken.get(path) ?? Buffer.from(""))]).toEqual([
          path,
          true,
        ]);
      }
      for (const path of kept) {
        const text = good.get(path);
        await (text === undefined ? rm(path) : replace(path, text));
      }
      await until(async () => (await problems()).every(({ id }) => STAYS.includes(id)), {
        timeoutMs: 20_000,
        what: "all to be mended but what was laid aside",
      });
      StateFile.parse(JSON.parse(await read(luna.paths.state)));
      const { tools } = await (await luna.control("/tools/all")).json();
      expect(tools.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
}

test(
  "fault 12: a database that is none keeps sign-in from starting, nothing else, and is told",
  async () => {
    await luna.run("stop", "auth");
    const names = ["luna.db", "luna.db-wal", "luna.db-shm"].map((name) =>
      join(luna.paths.luna, name),
    );
    const there = names.filter((path) => existsSync(path));
    const good = await Promise.all(there.map((path) => readFile(path)));
    const database = luna.paths.database;
    const broken = "no database at all, but long enough to be taken for one. ".repeat(200);
    for (const path of there) await rm(path);
    await writeFile(database, broken);
    await luna.control("/services/auth/start", { method: "POST" });
    await problem(/Sign-in/);
    expect(await read(database)).toBe(broken);
    expect((await luna.run("doctor", "--json")).stdout).toContain("The database is damaged");
    for (const name of ["agent", "mcp", "hub", "caddy"]) await luna.pidOf(name);
    await luna.run("stop", "auth");
    await rm(database);
    for (const [index, path] of there.entries()) await writeFile(path, good[index] ?? "");
    expect((await luna.run("start", "auth")).code).toBe(0);
    expect(await luna.signIn()).toContain("=");
  },
  TIMEOUT_MS,
);
