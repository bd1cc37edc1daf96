/** The official MCP conformance suite against the compiled Luna, through Caddy and with an access token that the owner has allowed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type BearerShim, startBearerShim } from "../support/bearer-shim.ts";
import { freePort } from "../support/edge.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { allowInBrowser, connectClient } from "../support/luna-oauth.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const SUITE = resolve(
  import.meta.dir,
  "../../node_modules/@modelcontextprotocol/conformance/dist/index.js",
);
const RUN_TIMEOUT_MS = 240_000;

let luna: Luna;
let shim: BearerShim;
let results: string;
let session: string;

beforeAll(async () => {
  results = await mkdtemp(join(tmpdir(), "luna-conformance-"));
  luna = await startLuna({ files: await fixtureExtension("conformance") });
  session = await luna.signIn();
  const { access_token } = await connectClient(luna, session);
  shim = await startBearerShim(`${luna.url}/api/mcp`, access_token);
}, 60_000);

afterAll(async () => {
  await shim.stop();
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await rm(results, { recursive: true, force: true });
  expect(left).toEqual([]);
});

interface Run {
  code: number;
  output: string;
}

const LAUNCH = {
  stdin: "ignore",
  stdout: "pipe",
  stderr: "pipe",
  timeout: RUN_TIMEOUT_MS,
} as const;

/** The suite as a process of Bun's: it wants a newer Node than some machines have. */
function launch(...args: string[]) {
  return Bun.spawn([process.execPath, SUITE, ...args], {
    ...{ cwd: results, env: { PATH: "/usr/bin:/bin", HOME: results, NO_COLOR: "1" } },
    ...LAUNCH,
  });
}

/** Runs the suite's part for servers. */
async function suite(...args: string[]): Promise<Run> {
  const child = launch("server", "--url", shim.url, ...args);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: `${stdout}\n${stderr}` };
}

/** Runs the suite's part for authorization servers, and plays the browser that it asks for. */
async function authorizationSuite(...args: string[]): Promise<Run> {
  const child = launch("authorization", "--url", luna.url, ...args);
  let output = "";
  const opened = new Set<string>();
  for await (const chunk of child.stdout) {
    output += Buffer.from(chunk).toString();
    const address = /^http:\S+\/api\/authorize\?\S+$/m.exec(output)?.[0];
    if (address === undefined || opened.has(address)) continue;
    opened.add(address);
    await fetch(await allowInBrowser(luna, session, address));
  }
  return { code: await child.exited, output };
}

test("without a token nothing is answered", async () => {
  const response = await fetch(`${luna.url}/api/mcp`, { method: "POST" });
  expect(response.status).toBe(401);
  expect(response.headers.get("WWW-Authenticate")).toContain("resource_metadata=");
});

test.each([false, true])(
  "the authorization server passes all of its scenarios, with a resource: %p",
  async (isForMcp) => {
    const { client_id } = await connectClient(luna, session);
    const port = String(freePort());
    const resource = isForMcp ? ["--resource", `${luna.url}/api/mcp`] : [];
    const run = await authorizationSuite("--client-id", client_id, "-p", port, ...resource);
    if (run.code !== 0) process.stderr.write(run.output);
    expect(run.code).toBe(0);
    expect(run.output).toMatch(/3 passed, 0 failed/);
    expect(run.output).not.toMatch(/warning/i);
  },
  RUN_TIMEOUT_MS,
);

for (const revision of ["2025-11-25", "2026-07-28"]) {
  test(
    `everything that is scored of ${revision} passes`,
    async () => {
      const { code, output } = await suite("--requirements", revision);
      if (code !== 0) process.stderr.write(output);
      expect(code).toBe(0);
      expect(shim.count()).toBeGreaterThan(30);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    `no scenario of the whole suite fails on ${revision}`,
    async () => {
      const { code, output } = await suite("--suite", "all", "--spec-version", revision);
      if (code !== 0) process.stderr.write(output);
      expect(code).toBe(0);
    },
    RUN_TIMEOUT_MS,
  );
}
