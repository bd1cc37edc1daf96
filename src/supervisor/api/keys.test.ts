/** Tests of the keys over HTTP, on a real `.env` and real manifests; what a change sets off is only noted. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { EnvFile } from "../../config/env-file.ts";
import { readEnvironment } from "../../config/environment.ts";
import { pathsOf } from "../../config/paths.ts";
import type { AuditRecord } from "../../contract/audit.ts";
import { MasterConfig } from "../../contract/config.ts";
import { onError } from "../../lib/app.ts";
import { createLogger } from "../../lib/log.ts";
import { KnownSecrets } from "../secrets/known-secrets.ts";
import { Secrets } from "../secrets/secrets.ts";
import { keysRoutes } from "./keys.ts";

const BEFORE = `# mine
OPENAI_API_KEY=sk-planted-0123456789abcdef
LUNA_SECRET=root-secret-of-this-luna
SUPERVISOR_API_TOKEN=token-of-this-luna-0000
AGENT_API_KEY=sk-luna-agent-key-0000
WEATHER_KEY='old weather' # from the site
DB_PASSWORD=correct-horse-battery-staple
LD_PRELOAD=/x.so
EMPTY_KEY=
`;

let home: string;
let applied: string[][];
let records: AuditRecord[];
let known: KnownSecrets;
let secrets: Secrets;
let isOwner: boolean;
let app: Hono;

function begin(variables: Record<string, string> = {}): void {
  const paths = pathsOf(home);
  const environment = { ...readEnvironment({ LUNA_HOME: home }), variables };
  known = new KnownSecrets([]);
  applied = [];
  records = [];
  isOwner = false;
  const effects = {
    apply: (names: readonly string[]) => {
      applied.push([...names]);
      return { restarted: [], needs_restart: [] };
    },
  };
  const context = { environment, envFile: new EnvFile(paths.env), paths };
  const config = { last: MasterConfig.parse({ extensions: { weather: {}, gone: {} } }) };
  secrets = new Secrets({ context, effects, known, config });
  const callerOf = () => ({
    actor: { kind: isOwner ? ("owner" as const) : ("local" as const), name: "somebody" },
    address: null,
  });
  const audit = { record: (record: AuditRecord) => void records.push(record) };
  const log = createLogger("test", [], () => undefined);
  app = new Hono().onError(onError(log)).route("/keys", keysRoutes({ secrets, callerOf, audit }));
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "luna-keys-"));
  writeFileSync(join(home, ".env"), BEFORE);
  for (const [name, required] of Object.entries({
    weather: ["WEATHER_KEY", { name: "CITY", label: "City", help: "Any", default: "Hamburg" }],
    other: ["WEATHER_KEY", "OPENAI_API_KEY", "EMPTY_KEY"],
  })) {
    mkdirSync(join(home, "extensions", name), { recursive: true });
    const manifest = JSON.stringify({ required_secrets: required });
    writeFileSync(join(home, "extensions", name, "config.json"), manifest);
  }
  begin();
  await secrets.sync();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const env = (): string => readFileSync(join(home, ".env"), "utf8");

async function call(path: string, body?: unknown) {
  const response = await app.request(`/keys/${path}`, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function upload(text: string | Uint8Array<ArrayBuffer>, apply?: string) {
  const form = new FormData();
  form.set("file", new File([text], "secrets.env"));
  if (apply !== undefined) form.set("apply", apply);
  const response = await app.request("/keys/upload-env", { method: "POST", body: form });
  return { status: response.status, body: await response.json() };
}

describe("list", () => {
  test("tells of each key what it is and who uses it, and of no value more than its end", async () => {
    const { body, headers } = await call("list");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(body.OPENAI_API_KEY).toMatchObject({
      value: "••••••••cdef",
      is_set: true,
      source: "file",
      made_by_luna: false,
      label: "Key of the model's provider",
      refusal: null,
    });
    expect(body.OPENAI_API_KEY.used_by).toEqual([
      { kind: "core", name: "agent", label: "Agent API" },
      { kind: "extension", name: "other", label: "other" },
    ]);
    expect(body.DB_PASSWORD.value).toBe("••••••••");
    expect(body.EMPTY_KEY).toMatchObject({ value: "", is_set: false });
    expect(body.LUNA_SECRET).toMatchObject({ made_by_luna: true });
    expect(body.LUNA_SECRET.refusal).toContain("for itself");
    expect(body.LD_PRELOAD.refusal).toContain("programs");
    expect(JSON.stringify(body)).not.toMatch(/planted|root-secret|weather site|horse|old weather/);
  });

  test("what Luna was started with counts, and is told as such", async () => {
    begin({ OPENAI_API_KEY: "sk-from-outside-9999", PATH: "/bin", UNRELATED: "x", CITY: "Bremen" });
    const { body } = await call("list");
    expect(body.OPENAI_API_KEY).toMatchObject({ value: "••••••••9999", source: "environment" });
    expect(body.CITY).toMatchObject({ source: "environment", is_set: true });
    expect(body.UNRELATED).toBeUndefined();
    expect(body.PATH).toBeUndefined();
  });
});

test("required tells who asks for what, what is missing, and what the manifests say of it", async () => {
  expect((await call("required")).body).toEqual({
    CITY: {
      extensions: ["weather"],
      is_set: false,
      label: "City",
      help: "Any",
      default: "Hamburg",
    },
    EMPTY_KEY: { extensions: ["other"], is_set: false, label: null, help: null, default: null },
    OPENAI_API_KEY: expect.objectContaining({ extensions: ["other"], is_set: true }),
    WEATHER_KEY: expect.objectContaining({ extensions: ["other", "weather"], is_set: true }),
  });
});

test("what an enabled extension asks for in vain is missing, until it is set", async () => {
  expect(secrets.missing).toEqual([{ name: "CITY", extensions: ["weather"] }]);
  await call("set", { key: "CITY", value: "Bremen" });
  expect(secrets.missing).toEqual([]);
});

describe("set and delete", () => {
  test("change their line alone, tell what they set off, and are recorded without the value", async () => {
    const value = "new $(id) `x` \"q\" 'q' \n# second line";
    const { status, body } = await call("set", { key: "WEATHER_KEY", value });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        ...{ status: "updated", key: "WEATHER_KEY" },
        ...{ restarted: [], needs_restart: [], overridden: [] },
      },
    });
    expect((await new EnvFile(join(home, ".env")).read())["WEATHER_KEY"]).toBe(value);
    const others = (text: string) => text.split("\n").filter((line) => !/^WEATHER/.test(line));
    expect(others(env())).toEqual(others(BEFORE));
    expect(statSync(join(home, ".env")).mode & 0o777).toBe(0o600);
    expect((await call("delete", { key: "WEATHER_KEY" })).body.status).toBe("deleted");
    expect(env()).not.toContain("WEATHER_KEY");
    expect((await call("delete", { key: "WEATHER_KEY" })).body.status).toBe("deleted");
    expect(applied.filter((names) => names.length > 0)).toEqual([["WEATHER_KEY"], ["WEATHER_KEY"]]);
    expect(records.map(({ action, target, outcome }) => [action, target, outcome])).toEqual([
      ["secret.set", "WEATHER_KEY", "ok"],
      ["secret.delete", "WEATHER_KEY", "ok"],
      ["secret.delete", "WEATHER_KEY", "ok"],
    ]);
    expect(JSON.stringify(records)).not.toContain("second line");
  });

  test("the same value again sets off nothing", async () => {
    await call("set", { key: "WEATHER_KEY", value: "old weather" });
    expect(applied.flat()).toEqual([]);
  });

  test.each([
    ["PATH", "/evil", "how programs run"],
    ["LD_PRELOAD", "/evil.so", "how programs run"],
    ["NODE_OPTIONS", "--import=/evil", "how programs run"],
    ["BUN_OPTIONS", "--preload=/evil", "how programs run"],
    ["LUNA_HOME", "/evil", "how programs run"],
    ["https_proxy", "http://evil", "how programs run"],
    ["LUNA_SECRET", "mine now", "for itself"],
    ["SUPERVISOR_API_TOKEN", "mine now", "for itself"],
    ["AGENT_API_KEY", "mine now", "API keys"],
    ["A B", "x", "must be A-Z"],
    ["A\nB", "x", "must be A-Z"],
    ["", "x", "must be A-Z"],
    ["WEATHER_KEY", "", "is empty; delete the key"],
    ["WEATHER_KEY", "nul\0", "NUL"],
    ["WEATHER_KEY", "x".repeat(70_000), "the most is 65536"],
    ["DEPLOYMENT_MODE", "cloud", "should be one of local"],
    ["LUNA_PORT_OFFSET", "99999", "from 0 to 50000"],
    ["OPENAI_BASE_URL", "javascript:1", "begins with http"],
  ])("%j cannot be set to that: %s", async (key, value, why) => {
    const { status, body } = await call("set", { key, value });
    expect(status).toBe(422);
    expect(body.error.message).toContain(why);
    if (value.length > 5) expect(body.error.message).not.toContain(value);
    expect(env()).toBe(BEFORE);
    expect(records).toMatchObject([{ outcome: "failed" }]);
  });

  test.each(["LUNA_SECRET", "SUPERVISOR_API_TOKEN", "AGENT_API_KEY"])(
    "%s can neither be deleted nor shown",
    async (key) => {
      isOwner = true;
      expect((await call("delete", { key })).status).toBe(422);
      expect((await call("reveal", { key })).status).toBe(422);
      expect(env()).toBe(BEFORE);
    },
  );

  test("a withheld name that somebody wrote by hand can be taken out", async () => {
    expect((await call("delete", { key: "LD_PRELOAD" })).status).toBe(200);
    expect(env()).not.toContain("LD_PRELOAD");
  });

  test("a value put into the field of the name is in no record", async () => {
    await call("set", { key: "not-a-name-but-a-secret-value", value: "x" });
    expect(JSON.stringify(records)).not.toContain("secret-value");
  });

  test("changes made at the same moment are all kept, whoever makes them", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `KEY_${index}`);
    await Promise.all(names.map((key) => call("set", { key, value: `value of ${key}` })));
    const values = await new EnvFile(join(home, ".env")).read();
    for (const name of names) expect(values[name]).toBe(`value of ${name}`);
    expect(applied.flat().toSorted()).toEqual(names.toSorted());
  });

  test.each([{ key: "A" }, { key: "A", value: 1 }, { key: "A", value: null }, { value: "x" }])(
    "the body %j is refused",
    async (body) => {
      expect((await call("set", body)).status).toBe(422);
    },
  );

  test("what Luna was started with goes on to count, and the answer says so", async () => {
    begin({ WEATHER_KEY: "from outside" });
    await secrets.sync();
    const { body } = await call("set", { key: "WEATHER_KEY", value: "new value" });
    expect(body.overridden).toEqual(["WEATHER_KEY"]);
    expect(applied.flat()).toEqual([]);
  });
});

test("an edit by hand is taken up, each change once, and its values become known", async () => {
  writeFileSync(join(home, ".env"), `${BEFORE}CITY=a city by hand\n`);
  await secrets.sync();
  await secrets.sync();
  expect(applied.flat()).toEqual(["CITY"]);
  expect(known.values()).toContain("a city by hand");
  expect(known.values()).toContain("old weather");
});

describe("reveal", () => {
  test("shows a value to a person who is signed in, and to nobody else", async () => {
    const refused = await call("reveal", { key: "WEATHER_KEY" });
    expect(refused.status).toBe(403);
    expect(JSON.stringify(refused.body)).not.toContain("old weather");
    isOwner = true;
    const shown = await call("reveal", { key: "WEATHER_KEY" });
    expect(shown.body).toEqual({ key: "WEATHER_KEY", value: "old weather" });
    expect(shown.headers.get("Cache-Control")).toBe("no-store");
    expect((await call("reveal", { key: "ABSENT" })).status).toBe(404);
    expect(records.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      "secret.reveal refused",
      "secret.reveal ok",
      "secret.reveal failed",
    ]);
  });
});

describe("upload", () => {
  const FILE = `# from elsewhere
export WEATHER_KEY="new weather"
OPENAI_API_KEY=sk-planted-0123456789abcdef
PEM="-----BEGIN-----
abc
-----END-----"
PATH=/evil
AGENT_API_KEY=sk-luna-other
just some words
EMPTY_KEY=
CITY=Bremen
`;

  test("shows what it would change without values or a change, then does exactly that", async () => {
    const { status, body } = await upload(FILE);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      applied: false,
      updated_count: 0,
      added: ["PEM", "CITY"],
      changed: ["WEATHER_KEY"],
      unchanged: ["OPENAI_API_KEY"],
      refused: [
        { line: 7, name: "PATH", reason: expect.stringContaining("programs") },
        { line: 8, name: "AGENT_API_KEY", reason: expect.stringContaining("API keys") },
        { line: 9, name: null, reason: "it is no NAME=value" },
        { line: 10, name: "EMPTY_KEY", reason: expect.stringContaining("empty") },
      ],
    });
    expect(JSON.stringify(body)).not.toMatch(/new weather|planted|Bremen|BEGIN|some words/);
    expect(env()).toBe(BEFORE);
    const done = await upload(FILE, body.preview);
    expect(done.body).toMatchObject({ applied: true, updated_count: 3, added: ["PEM", "CITY"] });
    expect(await new EnvFile(join(home, ".env")).read()).toMatchObject({
      WEATHER_KEY: "new weather",
      PEM: "-----BEGIN-----\nabc\n-----END-----",
      CITY: "Bremen",
      AGENT_API_KEY: "sk-luna-agent-key-0000",
      EMPTY_KEY: "",
    });
    expect(applied.filter((names) => names.length > 0)).toEqual([["WEATHER_KEY", "PEM", "CITY"]]);
    expect(records.map(({ target }) => target)).toEqual(["PEM", "CITY", "WEATHER_KEY"]);
  });

  test("nothing is done when the file, or what is set, is no longer as it was shown", async () => {
    const { preview } = (await upload(FILE)).body;
    expect((await upload(FILE.replace("Bremen", "Berlin"), preview)).status).toBe(409);
    expect((await upload(FILE, "made-up")).status).toBe(409);
    await call("set", { key: "WEATHER_KEY", value: "set meanwhile" });
    expect((await upload(FILE, preview)).status).toBe(409);
    expect(env()).toContain("set meanwhile");
    expect(env()).not.toContain("CITY");
  });

  test("the same preview of other values is another one", async () => {
    const one = (await upload("CITY=a")).body.preview;
    expect((await upload("CITY=b")).body.preview).not.toBe(one);
  });

  test.each([
    ["what is not text", new Uint8Array([0x41, 0x3d, 0xff, 0xfe]), "is not UTF-8 text"],
    ["something else altogether", "not an assignment\n".repeat(100), "it is no .env file"],
    ["too much", "#".repeat(1024 * 1024 + 1), "Cannot read the request's form"],
  ])("%s is refused", async (_, text, why) => {
    const { status, body } = await upload(text);
    expect(status).toBe(422);
    expect(body.error.message).toContain(why);
  });

  test("a form without a file is refused", async () => {
    const form = new FormData();
    form.set("file", "text");
    const response = await app.request("/keys/upload-env", { method: "POST", body: form });
    expect(response.status).toBe(422);
  });
});
