/** Plants marked secrets in a compiled Luna, does everything that could spill them, and finds none of them anywhere. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { sendSignal } from "../../src/lib/proc.ts";
import { Canaries } from "../support/canaries.ts";
import { connectClient } from "../support/luna-oauth.ts";
import { type RouterName, routesOf } from "../support/routers.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
const PLANTED_MIN = 20;
const CMDLINE_PERIOD_MS = 20;

const canaries = new Canaries();
const random = (): string => crypto.randomUUID().replaceAll("-", "");
/** A secret without the shape of a key, so that nothing but knowing it can keep it back. */
const plant = (name: string, around: (mark: string) => string = (mark) => `canary ${mark}`) =>
  canaries.add(name, around(random()));

const TOOLS = `import { defineTool, z } from "luna";
const own = process.env.NOISY_KEY;
console.log("loaded with", own);
const tool = (name, run) => defineTool({ name, description: name, input: z.object({ text: z.string().optional() }), run });
export const TOOLS = [
  tool("NOISY_ACTION_print", () => { console.log("printed", own, encodeURIComponent(own)); console.error(new Error(own)); return "done"; }),
  tool("NOISY_ACTION_throw", () => { throw new Error("cannot reach https://x.example/?key=" + encodeURIComponent(own) + " " + own, { cause: new Error(own) }); }),
  tool("NOISY_ACTION_crash", () => { setTimeout(() => { throw new Error("stray " + own); }, 0); return new Promise(() => undefined); }),
  tool("NOISY_ACTION_exit", () => process.exit(3)),
  tool("NOISY_ACTION_abort", () => process.kill(process.pid, "SIGABRT")),
];
`;
const BROKEN_TOOLS = `throw new Error("cannot load with " + process.env.NOISY_KEY);\n`;
/** Prints its secret raw, and ends: again and again, until it is given up and its last lines are a problem. */
const CRASHING = '#!/bin/sh\necho "my key is $NOISY_KEY"\nexit 1\n';

/** A file of its own that an extension writes its own secret into is its own. */
const OWN_LOG = /^logs\/(?:noisy__service_worker|\.rotation)/;
const ENV = /^\.env$/;

let luna: Luna;
let dumps: string;
let session: string;
let page: string;
/** What was answered, said or shown, by where. */
const said: { where: string; text: string }[] = [];
const cmdlines = new Set<string>();
let watch: Timer;

function say(where: string, text: string): void {
  said.push({ where, text });
}

function readCmdlines(): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      cmdlines.add(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      // Ended meanwhile.
    }
  }
}

/** Asks, and keeps the whole answer. */
async function ask(where: string, url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, {
    ...init,
    redirect: "manual",
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.clone().text();
  const headers = JSON.stringify([...response.headers]);
  say(`${where} ${response.status}`, `${headers}\n${text}`);
  return response;
}

const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const asOwner = (init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...init.headers, Cookie: session, Origin: luna.url, "X-Luna-Page": page },
});

const asToken = (token: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...init.headers, Authorization: `Bearer ${token}` },
});

beforeAll(async () => {
  dumps = await mkdtemp(join(tmpdir(), "luna-dumps-"));
  const file: Record<string, string> = {
    OPENAI_API_KEY: plant("model key"),
    NOISY_KEY: plant("extension key", (mark) => `noisy "key" \\ ${mark} & more/+=`),
    GITHUB_CLIENT_SECRET: plant("GitHub secret"),
    DB_PASSWORD: plant("database password"),
    UNUSED_KEY: plant("unused key"),
    OLD_ADDRESS: `https://me:${plant("password in an address", (mark) => `pw${mark}`)}@x.example/`,
    REPLACED_KEY: plant("key that is replaced"),
    DELETED_KEY: plant("key that is deleted"),
    PEM_KEY: plant(
      "key of several lines",
      (mark) => `-----BEGIN ${mark}-----\n${mark}\n${random()}\n--`,
    ),
    LUNA_SECRET: plant("root secret"),
    SUPERVISOR_API_TOKEN: plant("control token", (mark) => `control${mark}`),
    AGENT_API_KEY: plant("agent key", (mark) => `agent${mark}`),
  };
  const quoted = Object.entries(file).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  luna = await startLuna({
    environment: { OUTSIDE_KEY: plant("key from the environment") },
    files: {
      ".luna/master_config.json": "{}",
      ".env": `${quoted.join("\n")}\n`,
      "extensions/noisy/config.json": JSON.stringify({
        required_secrets: ["NOISY_KEY", "OUTSIDE_KEY", "REPLACED_KEY", "PEM_KEY"],
      }),
      "extensions/noisy/tools/noisy_tools.ts": TOOLS,
      "extensions/noisy/tools/broken_tools.ts": BROKEN_TOOLS,
      "extensions/noisy/services/worker/start.sh": CRASHING,
    },
  });
  watch = setInterval(readCmdlines, CMDLINE_PERIOD_MS);
  const { authToken, mcpToken, toolHostToken, edgeToken, tokenCheck } = luna.credentials;
  canaries.add("token of auth", authToken);
  canaries.add("token of MCP", mcpToken);
  canaries.add("token of tool hosts", toolHostToken);
  canaries.add("token of the edge", edgeToken);
  canaries.add("token of checks", tokenCheck);
  canaries.add("used sign-in link", luna.link.split("#t=")[1] ?? "");
  const unused = (await luna.run("login-link")).stdout.trim().split("#t=")[1] ?? "";
  canaries.add("unused sign-in link", unused);
  session = await luna.signIn();
  canaries.add("session", session.split("=")[1] ?? "");
  const { access_token, refresh_token } = await connectClient(luna, session);
  canaries.add("access token", access_token);
  canaries.add("refresh token", refresh_token);
  page = await luna.pageToken(session);
}, TIMEOUT_MS);

afterAll(async () => {
  clearInterval(watch);
  await luna.stop();
  await luna.remove();
  await rm(dumps, { recursive: true, force: true });
}, TIMEOUT_MS);

/** What hands out a secret on purpose: to whom it was made for, once, or to its owner. */
const HANDED_OUT: Record<string, string[]> = {
  "supervisor GET /agents/api-key": ["agent key"],
};

describe("everything that could spill a secret is done:", () => {
  test(
    "keys are made, set, replaced, deleted and uploaded",
    async () => {
      const create = async (path: string, body: unknown) => {
        const response = await luna.control(path, json(body));
        const text = await response.text();
        if (!response.ok) throw new Error(`${path}: ${text}`);
        return z.looseObject({ api_key: z.string() }).parse(JSON.parse(text)).api_key;
      };
      canaries.add("key of an MCP server", await create("/mcp-servers/create", { name: "canary" }));
      canaries.add(
        "named API key",
        await create("/api-keys", {
          name: "canary",
          scopes: { agents: "all", mcp_servers: "all", tools: "all" },
        }),
      );
      const at = (path: string) => `${luna.url}/api/supervisor/keys/${path}`;
      for (const [key, name] of [
        ["SET_KEY", "key that is set"],
        ["REPLACED_KEY", "key in its place"],
      ] as const) {
        await ask("set", at("set"), asOwner(json({ key, value: plant(name) })));
      }
      await ask("delete", at("delete"), asOwner(json({ key: "DELETED_KEY" })));
      const upload = async (apply?: string) => {
        const form = new FormData();
        form.set(
          "file",
          new File(
            [
              `FROM_FILE="${canaries.value("key of an upload")}"\nPATH="${canaries.value("refused line")}"\n${canaries.value("line of nothing")}\n`,
            ],
            ".env",
          ),
        );
        if (apply !== undefined) form.set("apply", apply);
        const response = await ask(
          "upload",
          at("upload-env"),
          asOwner({ method: "POST", body: form }),
        );
        return z.looseObject({ preview: z.string() }).parse(await response.json()).preview;
      };
      for (const name of ["key of an upload", "refused line", "line of nothing"]) plant(name);
      await upload(await upload());
      expect(await readFile(luna.paths.env, "utf8")).toContain("FROM_FILE");
    },
    TIMEOUT_MS,
  );

  test(
    "the passphrase is set, used and guessed",
    async () => {
      const passphrase = plant("passphrase");
      const account = `${luna.url}/auth/account/passphrase`;
      const set = { ...json({ passphrase }), method: "PUT" };
      expect((await ask("passphrase", account, asOwner(set))).status).toBeLessThan(300);
      const wrong = plant("wrong passphrase");
      const origin = { Origin: luna.url };
      for (const one of [passphrase, wrong]) {
        const init = json({ passphrase: one });
        const headers = { ...init.headers, ...origin };
        const response = await fetch(`${luna.url}/auth/passphrase`, { ...init, headers });
        // The new session is for whoever signed in, and is looked for from now on.
        const cookie = response.headers.getSetCookie()[0]?.split(";")[0]?.split("=")[1];
        if (cookie !== undefined) canaries.add("second session", cookie);
        say("sign-in", await response.text());
      }
    },
    TIMEOUT_MS,
  );

  test(
    "tools print, throw, crash, exit and abort with it",
    async () => {
      for (const tool of ["print", "throw", "crash", "exit", "abort", "print"]) {
        const url = `${luna.url}/api/supervisor/tools/execute/NOISY_ACTION_${tool}`;
        await ask(`tool ${tool}`, url, asOwner(json({ text: plant(`argument of ${tool}`) })));
      }
      const failed = said.find(({ where }) => where.startsWith("tool throw"));
      expect(failed?.text).toContain("cannot reach https://x.example/");
    },
    TIMEOUT_MS,
  );

  test(
    "every route of every process is asked wrongly, with secrets where they do not belong",
    async () => {
      const tokens: Record<RouterName, string> = {
        supervisor: luna.credentials.supervisorToken,
        agent: luna.credentials.agentKey,
        auth: luna.credentials.authToken,
        mcp: luna.credentials.mcpToken,
        hub: "",
      };
      const stray = plant("stray secret");
      const object = JSON.stringify({
        [`x`]: stray,
        key: [stray],
        value: { stray },
        name: 1,
        passphrase: [stray],
      });
      const settings = { deployment_mode: stray, enabled: stray, enabled_in_mcp: stray };
      const refused = JSON.stringify({ ...settings, tool_configs: stray });
      const bodies = [
        `{"token": ${stray}`,
        object,
        JSON.stringify([stray]),
        JSON.stringify(stray),
        stray,
      ];
      let asked = 0;
      for (const router of ["supervisor", "agent", "auth", "mcp", "hub"] as const) {
        for (const { path, ...operation } of routesOf(router)) {
          // A route for every method.
          const method = operation.method === "ALL" ? "POST" : operation.method;
          // These are what they say; ending Luna is for another test.
          if (/^\/(?:shutdown|restart|live)$/.test(path)) continue;
          const address = path.replace(/:[a-z_]+(\{[^}]*\})?\??/g, "none").replaceAll("*", "none");
          const url = `http://127.0.0.1:${luna.ports[router]}${address}`;
          const where = `${router} ${method} ${path}`;
          const right = asToken(tokens[router], { method });
          if (method === "GET" || method === "HEAD") {
            await ask(where, url, right);
            await ask(where, `${url}?token=${encodeURIComponent(stray)}&limit=x`, right);
          } else {
            // Whatever else somebody puts into the configuration is kept there: that is what it is for.
            const isKept = path.startsWith("/config/master");
            for (const body of isKept
              ? [...bodies.filter((one) => one !== object), refused]
              : bodies) {
              const headers = { ...right.headers, "Content-Type": "application/json" };
              await ask(where, url, { ...right, headers, body });
            }
          }
          await ask(where, url, asToken(encodeURIComponent(stray), { method }));
          const cookie = `luna_session=${encodeURIComponent(stray)}`;
          await ask(where, url, { method, headers: { Cookie: cookie, "X-Luna-Identity": stray } });
          asked += 1;
        }
      }
      expect(asked).toBeGreaterThan(40);
    },
    TIMEOUT_MS,
  );

  test(
    "every page of the control API is read through the edge, and the live socket with its logs",
    async () => {
      for (const { method, path } of routesOf("supervisor")) {
        if (method !== "GET" || path === "/live") continue;
        const url = `${luna.url}/api/supervisor${path.replace(/:[a-z_]+/g, "none")}`;
        await ask(`supervisor GET ${path}`, url, asOwner());
      }
      await until(
        async () => {
          const response = await luna.control("/overview");
          return /again and again|does not run/.test(await response.text());
        },
        { timeoutMs: 30_000, what: "the service that crashes to be a problem" },
      );
      await ask("overview", `${luna.url}/api/supervisor/overview`, asOwner());
      await ask("logs", `${luna.url}/api/supervisor/logs?limit=1000`, asOwner());
      await ask("search", `${luna.url}/api/supervisor/logs?grep=my.key.is&limit=100`, asOwner());
      const shown = said.find(({ where }) => where.startsWith("search"))?.text;
      expect(shown).toContain("my key is");
      const socket = new WebSocket(`ws://127.0.0.1:${luna.ports.supervisor}/live`, {
        headers: { Authorization: `Bearer ${luna.credentials.supervisorToken}` },
      } as never);
      let followed = "";
      socket.onmessage = ({ data }) => {
        say("live", String(data));
        followed += String(data);
      };
      socket.onopen = () => socket.send(JSON.stringify({ subscribe: "logs" }));
      await until(() => followed.includes('"topic":"logs"'), { what: "the logs' first batch" });
      const line = `live ${canaries.value("extension key")}\n`;
      await appendFile(luna.paths.log("noisy__service_worker"), line);
      await until(() => followed.includes("live [redacted]"), { what: "the line to be sent" });
      socket.close();
    },
    TIMEOUT_MS,
  );

  test(
    "the command line tells everything it knows",
    async () => {
      for (const args of [
        ["status", "--json"],
        ["status"],
        ["doctor", "--json"],
        ["logs", "-n", "1000"],
        ["logs", "noisy__service_worker", "--json"],
        ["secrets", "list"],
        ["secrets", "list", "--json"],
        ["audit"],
        ["keys"],
        ["unit"],
        ["help"],
        ["restart", "nothing"],
      ]) {
        const { stdout, stderr } = await luna.run(...args);
        say(`luna ${args.join(" ")}`, stdout + stderr);
      }
      // `--follow` reads on in another way.
      const child = Bun.spawn([BINARY, "logs", "noisy__service_worker", "-f", "-n", "5"], {
        env: luna.environment,
        stdout: "pipe",
        stderr: "ignore",
      });
      await appendFile(
        luna.paths.log("noisy__service_worker"),
        `again ${canaries.value("extension key")}\n`,
      );
      const decoder = new TextDecoder();
      let text = "";
      for await (const piece of child.stdout) {
        text += decoder.decode(piece, { stream: true });
        if (text.includes("again")) break;
      }
      child.kill();
      expect(text).toContain("again [redacted]");
      say("luna logs -f", text);
    },
    TIMEOUT_MS,
  );

  test(
    "processes are made to crash, and leave no dump",
    async () => {
      for (const signal of ["SIGABRT", "SIGSEGV"] as const) {
        for (const name of ["auth", "agent", "mcp", "hub"]) {
          const pid = await luna.pidOf(name);
          const limits = await readFile(`/proc/${pid}/limits`, "utf8");
          expect(limits).toMatch(/Max core file size +0 +0/);
          sendSignal(pid, signal);
          await until(async () => (await luna.pidOf(name)) !== pid, { timeoutMs: 20_000 });
        }
        const { pid } = (await luna.state()).supervisor;
        sendSignal(pid, signal);
        await until(async () => (await luna.state()).supervisor.pid !== pid, { timeoutMs: 20_000 });
        await until(async () => (await luna.control("/health")).ok);
      }
      const inHome = readdirSync(luna.home, { recursive: true, encoding: "utf8" });
      expect(inHome.filter((path) => /(?:^|\/)core(?:\.\d+)?$/.test(path))).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe("and none of it is found", () => {
  test("among so many, each planted", () => {
    expect(canaries.names.length).toBeGreaterThanOrEqual(PLANTED_MIN);
  });

  test("in any answer, of whatever process, or output of a command", () => {
    expect(said.length).toBeGreaterThan(300);
    const found = said.flatMap(({ where, text }) => {
      const route = where.replace(/ \d{3}$/, "");
      const allowed = HANDED_OUT[route] ?? [];
      return canaries
        .in(text)
        .flatMap((name) => (allowed.includes(name) ? [] : [`${where}: ${name}`]));
    });
    expect([...new Set(found)]).toEqual([]);
  });

  test("in any command line of this machine", () => {
    expect(cmdlines.size).toBeGreaterThan(10);
    expect([...cmdlines].flatMap((text) => canaries.in(text))).toEqual([]);
  });

  test("in any file of the home but .env: logs, state, database, Caddyfile, audit, descriptions", () => {
    const { found, looked } = canaries.inFiles(
      luna.home,
      (path) => ENV.test(path) || OWN_LOG.test(path),
    );
    expect(looked).toBeGreaterThan(15);
    expect(found).toEqual([]);
  });

  test("in what luna up said, but its sign-in link", () => {
    const names = canaries.in(luna.output());
    expect(names.filter((name) => name !== "used sign-in link")).toEqual([]);
  });
});

describe("while one that is there is found", () => {
  test.each([
    ["as it is", (secret: string) => secret],
    ["in JSON", (secret: string) => JSON.stringify({ message: secret })],
    ["in JSON within JSON", (secret: string) => JSON.stringify({ a: JSON.stringify(secret) })],
    ["in an address", (secret: string) => `GET /?key=${encodeURIComponent(secret)}`],
    ["in a header", (secret: string) => `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`],
    ["in base64", (secret: string) => Buffer.from(`x${secret}`).toString("base64")],
    ["in hex", (secret: string) => Buffer.from(secret).toString("hex")],
  ])("in a log line, %s", async (_, form) => {
    const path = join(luna.paths.logs, "planted.log");
    for (const name of ["extension key", "model key", "session"]) {
      await writeFile(path, `a line with ${form(canaries.value(name))} in it\n`);
      const { found } = canaries.inFiles(luna.paths.logs, () => false);
      expect(found).toContain(`planted.log: ${name}`);
    }
    await rm(path);
  });

  test("in the file of the extension that prints its own", () => {
    const { found } = canaries.inFiles(luna.paths.logs, () => false);
    expect(found).toContain("noisy__service_worker.log: extension key");
  });

  test("in .env", () => {
    const { found } = canaries.inFiles(luna.home, (path) => !ENV.test(path));
    expect(found.length).toBeGreaterThan(10);
  });
});
