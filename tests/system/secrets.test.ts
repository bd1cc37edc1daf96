/** Keys of the compiled Luna: a change reaches exactly what uses it, and no process has more in its environment than it needs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { appendFile, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EnvFile } from "../../src/config/env-file.ts";
import {
  EnvUpload,
  RevealedSecret,
  SecretChanged,
  SecretList,
} from "../../src/contract/secrets.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;

/** A tool that tells its environment, and one that takes its time. */
const TOOLS = `import { defineTool, z } from "luna";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
writeFileSync(join(import.meta.dir, "..", \`loaded-\${process.pid}.json\`), JSON.stringify(process.env));
export const TOOLS = [
  defineTool({ name: "NAME_GET_env", description: "Environment", input: z.object({}), run: () => ({ ...process.env }) }),
  defineTool({ name: "NAME_GET_slow", description: "Slow", input: z.object({ ms: z.int() }),
    run: async ({ ms }) => { writeFileSync(join(import.meta.dir, "../under-way"), ""); await Bun.sleep(ms); return process.env.WEATHER_KEY ?? "none"; } }),
];
`;
const KEEP_RUNNING = "#!/bin/sh\nexec sleep 600\n";
const UI = `#!/bin/sh
exec bun -e 'Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv.at(-1)), fetch: () => new Response("ui") })' "$1"
`;

function extension(name: string, required: unknown[]): Record<string, string> {
  const folder = `extensions/${name}`;
  return {
    [`${folder}/config.json`]: JSON.stringify({ required_secrets: required }),
    [`${folder}/tools/${name}_tools.ts`]: TOOLS.replaceAll("NAME", name.toUpperCase()),
    [`${folder}/ui/start.sh`]: UI,
    [`${folder}/services/worker/start.sh`]: KEEP_RUNNING,
  };
}

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna({
    environment: {
      OPENAI_API_KEY: "sk-from-the-environment",
      CITY: "from the environment",
      // None of this is anybody's business.
      AWS_SECRET_ACCESS_KEY: "unrelated",
      NODE_EXTRA: "unrelated",
      NOTIFY_SOCKET: "",
    },
    files: {
      ".luna/master_config.json": "{}",
      ".env":
        "# mine\nWEATHER_KEY=old-weather\nGIT_EXEC_PATH=/evil\nLD_LIBRARY_PATH=/evil\nUNUSED_KEY=unused\n",
      ...extension("weather", ["WEATHER_KEY", { name: "CITY", label: "City" }]),
      ...extension("other", ["OTHER_KEY", "WEATHER_URL"]),
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

async function post<Schema extends z.ZodType>(path: string, body: unknown, schema: Schema) {
  const response = await luna.control(`/keys/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return schema.parse(await response.json());
}

async function call(tool: string, args: unknown = {}) {
  const response = await luna.control(`/tools/execute/${tool}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(args),
  });
  return z.object({ success: z.boolean(), result: z.unknown() }).parse(await response.json());
}

function environmentOf(pid: number): Record<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

const namesOf = (pid: number): string[] => Object.keys(environmentOf(pid)).sort();

async function pidsOf(...names: string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = await luna.pidOf(name);
  return found;
}

const ALL = [
  ...["auth", "agent", "mcp", "hub", "caddy", "weather_ui", "weather__service_worker"],
  ...["other_ui", "other__service_worker"],
];

describe("each process has in its environment", () => {
  const BASE = [
    ...["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "HOME", "LUNA_HOME", "LUNA_PORT_OFFSET"],
    ...["LUNA_PROCESS_ID", "PATH"],
  ];
  /** What the shell, and the `bun` that Luna provides, add to it themselves. */
  const OF_START_SCRIPTS = new Set(["PWD", "BUN_BE_BUN"]);
  const EXPECTED: Record<string, string[]> = {
    auth: ["LUNA_AUTH_TOKEN", "LUNA_TOKEN_CHECK", "LUNA_PUBLIC_URL", "LUNA_DEPLOYMENT_MODE"],
    agent: ["LUNA_EDGE_TOKEN", "LUNA_TOOL_HOST_TOKEN", "OPENAI_API_KEY", "LUNA_ASSERTION_KEY"],
    mcp: ["LUNA_MCP_TOKEN", "LUNA_TOOL_HOST_TOKEN", "LUNA_TOKEN_CHECK", "LUNA_PUBLIC_URL"],
    hub: [],
    caddy: [
      ...["SUPERVISOR_API_TOKEN", "LUNA_EDGE_TOKEN", "LUNA_AUTH_TOKEN"],
      ...["XDG_CONFIG_HOME", "XDG_DATA_HOME"],
    ],
    weather_ui: ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS", "WEATHER_KEY", "CITY"],
    weather__service_worker: ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS", "WEATHER_KEY", "CITY"],
    other_ui: ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS"],
    other__service_worker: ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS"],
    "tool-host-weather": ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS", "WEATHER_KEY", "CITY"],
    "tool-host-other": ["LUNA_EXTENSION", "TIME_ZONE", "LUNA_PORTS"],
  };
  test.each(Object.keys(EXPECTED))("%s exactly what it needs", async (name) => {
    if (name.startsWith("tool-host-")) {
      await call(`${name.replace("tool-host-", "").toUpperCase()}_GET_env`);
    }
    const names = namesOf(await luna.pidOf(name)).filter((one) => !OF_START_SCRIPTS.has(one));
    expect(names).toEqual([...BASE, ...(EXPECTED[name] ?? [])].toSorted());
  });

  test("nothing that is not in this list runs", async () => {
    const { services } = await luna.state();
    expect(Object.keys(services).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
    const pids = new Set(Object.values(services).map(({ pid }) => pid));
    const others = luna.processes().filter(({ pid }) => !pids.has(pid));
    expect(others.map(({ pid }) => environmentOf(pid)["LUNA_PROCESS_ID"]?.split(":")[1])).toEqual([
      "supervisor",
    ]);
  });

  test("the supervisor what luna up was started with, without what could replace code", async () => {
    const names = namesOf((await luna.state()).supervisor.pid);
    const given = Object.keys(luna.environment).filter((name) => !/^NODE_|^NOTIFY/.test(name));
    expect(names).toEqual([...new Set([...BASE, ...given])].toSorted());
  });

  test("the process that describes tools what the tool host has, and no process anything of a withheld name", async () => {
    const folder = join(luna.home, "extensions/weather");
    const files = [...new Bun.Glob("loaded-*.json").scanSync(folder)];
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const names = Object.keys(JSON.parse(await readFile(join(folder, file), "utf8")));
      expect(names.toSorted()).toEqual(
        [...BASE, "LUNA_EXTENSION", "LUNA_PORTS", "TIME_ZONE", "WEATHER_KEY", "CITY"].toSorted(),
      );
    }
  });
});

describe("setting a key", () => {
  test("restarts exactly what uses it, and nothing else", async () => {
    await call("WEATHER_GET_env");
    await call("OTHER_GET_env");
    const before = await pidsOf(...ALL, "tool-host-weather", "tool-host-other");
    const done = await post(
      "set",
      { key: "WEATHER_KEY", value: "new $HOME `weather`" },
      SecretChanged,
    );
    expect(done.restarted.map(({ name }) => name).toSorted()).toEqual([
      "tool-host-weather",
      "weather__service_worker",
      "weather_ui",
    ]);
    expect(done.needs_restart).toEqual([]);
    const worker = await until(async () => {
      const pid = await luna.pidOf("weather__service_worker");
      return pid === before["weather__service_worker"] ? undefined : pid;
    });
    expect(environmentOf(worker)["WEATHER_KEY"]).toBe("new $HOME `weather`");
    await until(async () => (await luna.pidOf("weather_ui")) !== before["weather_ui"]);
    expect((await call("WEATHER_GET_env")).result).toMatchObject({
      WEATHER_KEY: "new $HOME `weather`",
    });
    const after = await pidsOf(...ALL, "tool-host-weather", "tool-host-other");
    const same = Object.keys(before).filter((name) => after[name] === before[name]);
    expect(same.toSorted()).toEqual(
      [...ALL.filter((name) => !name.startsWith("weather")), "tool-host-other"].toSorted(),
    );
  });

  test("a call that is under way ends with the old value, the next one has the new one", async () => {
    await post("set", { key: "WEATHER_KEY", value: "first" }, SecretChanged);
    await call("WEATHER_GET_env");
    const mark = join(luna.home, "extensions/weather/under-way");
    await rm(mark, { force: true });
    const slow = call("WEATHER_GET_slow", { ms: 2_000 });
    await until(() => existsSync(mark));
    const host = await luna.pidOf("tool-host-weather");
    await post("set", { key: "WEATHER_KEY", value: "second" }, SecretChanged);
    const next = await call("WEATHER_GET_slow", { ms: 0 });
    expect(next).toMatchObject({ success: true, result: "second" });
    expect(await slow).toMatchObject({ success: true, result: "first" });
    expect(await luna.pidOf("tool-host-weather")).not.toBe(host);
  });

  test("of a model's provider restarts the agent API; what luna up was started with goes on to count", async () => {
    const before = await pidsOf("agent", "auth");
    const url = await post(
      "set",
      { key: "OPENAI_BASE_URL", value: "http://127.0.0.1:9/v1" },
      SecretChanged,
    );
    expect(url.restarted).toMatchObject([{ kind: "core", name: "agent", label: "Agent API" }]);
    await until(async () => (await luna.pidOf("agent")) !== before["agent"]);
    expect(await luna.pidOf("auth")).toBe(before["auth"] ?? 0);
    const key = await post("set", { key: "OPENAI_API_KEY", value: "sk-from-file" }, SecretChanged);
    expect(key).toMatchObject({ restarted: [], overridden: ["OPENAI_API_KEY"] });
    expect(environmentOf(await luna.pidOf("agent"))["OPENAI_API_KEY"]).toBe(
      "sk-from-the-environment",
    );
  });

  test("of the database or of how Luna is reached waits for a person, and says for what", async () => {
    const { auth } = await pidsOf("auth");
    const database = await post("set", { key: "DB_NAME", value: "another" }, SecretChanged);
    expect(database).toMatchObject({ restarted: [], needs_restart: [{ name: "auth" }] });
    const mode = await post("set", { key: "DEPLOYMENT_MODE", value: "local" }, SecretChanged);
    expect(mode).toMatchObject({ restarted: [], needs_restart: [{ name: "luna" }] });
    expect(await luna.pidOf("auth")).toBe(auth ?? 0);
    await post("delete", { key: "DB_NAME" }, SecretChanged);
  });

  test("an edit by hand does the same, within a moment", async () => {
    const before = await pidsOf("other__service_worker", "weather__service_worker");
    await appendFile(luna.paths.env, 'OTHER_KEY="by hand"\n');
    const worker = await until(async () => {
      const pid = await luna.pidOf("other__service_worker");
      return pid === before["other__service_worker"] ? undefined : pid;
    });
    expect(environmentOf(worker)["OTHER_KEY"]).toBe("by hand");
    expect(await luna.pidOf("weather__service_worker")).toBe(
      before["weather__service_worker"] ?? 0,
    );
  });

  test("many at the same moment are all kept, with comments, order and permissions", async () => {
    const names = Array.from({ length: 25 }, (_, index) => `MANY_${index}`);
    await Promise.all(
      names.map((key) => post("set", { key, value: `value ${key}` }, SecretChanged)),
    );
    const values = await new EnvFile(luna.paths.env).read();
    for (const name of names) expect(values[name]).toBe(`value ${name}`);
    expect(await readFile(luna.paths.env, "utf8")).toStartWith("# mine\nWEATHER_KEY=");
    expect((await stat(luna.paths.env)).mode & 0o777).toBe(0o600);
  });
});

test("a key that is missing is a problem that says how to set it, until it is set", async () => {
  const problems = async () => {
    const { problems } = z
      .looseObject({ problems: z.array(z.looseObject({ id: z.string(), fix: z.string() })) })
      .parse(await (await luna.control("/overview")).json());
    return problems;
  };
  const missing = (await problems()).find(({ id }) => id === "secret-WEATHER_URL");
  expect(missing?.fix).toContain("luna secrets set WEATHER_URL");
  expect((await problems()).map(({ id }) => id)).toContain("env-0");
  await post("set", { key: "WEATHER_URL", value: "https://weather.example" }, SecretChanged);
  expect((await problems()).map(({ id }) => id)).not.toContain("secret-WEATHER_URL");
});

describe("through the edge", () => {
  async function asOwner(path: string, body: unknown): Promise<Response> {
    const Cookie = await luna.signIn();
    return fetch(`${luna.url}/api/supervisor/keys/${path}`, {
      method: "POST",
      headers: {
        ...{ Cookie, Origin: luna.url, "X-Luna-Page": await luna.pageToken(Cookie) },
        "Content-Type": "application/json",
      },
      body: JSON.stringify(body),
    });
  }

  test("a signed-in person gets a value to see; a program with the token does not", async () => {
    const response = await asOwner("reveal", { key: "UNUSED_KEY" });
    expect(response.status).toBe(200);
    expect(RevealedSecret.parse(await response.json()).value).toBe("unused");
    const refused = await luna.control("/keys/reveal", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Luna-Identity": "made.up" },
      body: JSON.stringify({ key: "UNUSED_KEY" }),
    });
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain("unused");
    expect((await asOwner("reveal", { key: "LUNA_SECRET" })).status).toBe(422);
  });

  test("the list has no value in it, and nobody without a session gets it", async () => {
    const path = `${luna.url}/api/supervisor/keys/list`;
    expect((await fetch(path)).status).toBe(401);
    const text = await (await fetch(path, { headers: { Cookie: await luna.signIn() } })).text();
    const list = SecretList.parse(JSON.parse(text));
    expect(list["WEATHER_KEY"]?.used_by).toMatchObject([{ name: "weather" }]);
    for (const value of Object.values(await new EnvFile(luna.paths.env).read())) {
      if (value.length > 4) expect(text).not.toContain(value);
    }
  });
});

test("an upload is shown first, then done", async () => {
  const send = async (apply?: string) => {
    const form = new FormData();
    form.set("file", new File(["FROM_FILE='of several\nlines'\nPATH=/evil\n"], ".env"));
    if (apply !== undefined) form.set("apply", apply);
    const response = await luna.control("/keys/upload-env", { method: "POST", body: form });
    return EnvUpload.parse(await response.json());
  };
  const shown = await send();
  expect(shown).toMatchObject({
    applied: false,
    added: ["FROM_FILE"],
    refused: [{ name: "PATH" }],
  });
  expect((await send(shown.preview)).applied).toBe(true);
  expect((await new EnvFile(luna.paths.env).read())["FROM_FILE"]).toBe("of several\nlines");
});
