/** The official MCP conformance suite against the compiled Luna, through Caddy and behind the key of a named server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { McpServerKey } from "../../src/contract/config.ts";
import { type BearerShim, startBearerShim } from "../support/bearer-shim.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const SUITE = resolve(
  import.meta.dir,
  "../../node_modules/@modelcontextprotocol/conformance/dist/index.js",
);
const RUN_TIMEOUT_MS = 240_000;

let luna: Luna;
let shim: BearerShim;
let results: string;

beforeAll(async () => {
  results = await mkdtemp(join(tmpdir(), "luna-conformance-"));
  luna = await startLuna({ files: await fixtureExtension("conformance") });
  const response = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "suite" }),
  });
  const { server, api_key } = McpServerKey.parse(await response.json());
  shim = await startBearerShim(server.url, api_key);
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

/** Runs the suite with Bun: it wants a newer Node than some machines have. */
async function suite(...args: string[]): Promise<Run> {
  const child = Bun.spawn([process.execPath, SUITE, "server", "--url", shim.url, ...args], {
    cwd: results,
    env: { PATH: "/usr/bin:/bin", HOME: results, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: RUN_TIMEOUT_MS,
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: `${stdout}\n${stderr}` };
}

test("without the key nothing is answered", async () => {
  const response = await fetch(new URL(new URL(shim.url).pathname, luna.url), { method: "POST" });
  expect(response.status).toBe(401);
  expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
});

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
