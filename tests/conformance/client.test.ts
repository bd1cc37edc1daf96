/** The official MCP conformance suite against the compiled Luna as a client: how it signs in at the servers of others. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(240_000);

const SUITE = resolve(
  import.meta.dir,
  "../../node_modules/@modelcontextprotocol/conformance/dist/index.js",
);
const CLIENT = join(import.meta.dir, "upstream-client.ts");
/** Each scenario runs several programs, and the machine of CI has two processors. */
const SCENARIO_TIMEOUT_MS = 120_000;
const SCENARIOS_MIN = 14;

let luna: Luna;
let results: string;
beforeAll(async () => {
  results = await mkdtemp(join(tmpdir(), "luna-conformance-client-"));
  luna = await startLuna({
    files: { ".env": "CONFORMANCE_SECRET=pre-registered-secret\n" },
  });
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await rm(results, { recursive: true, force: true });
  expect(left).toEqual([]);
});

test("every scenario of signing in passes, without an exclusion", async () => {
  const child = Bun.spawn(
    [
      ...[process.execPath, SUITE, "client", "--suite", "auth"],
      ...["--command", `${process.execPath} ${CLIENT}`],
      ...["--timeout", String(SCENARIO_TIMEOUT_MS), "--output-dir", results],
    ],
    {
      ...{ cwd: results, env: { ...luna.environment, NO_COLOR: "1" } },
      ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    },
  );
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  const lines = (output + errors).split("\n");
  const scenarios = lines.filter((line) => /^[✓✗] auth\//.test(line));
  if (scenarios.some((line) => !line.startsWith("✓"))) process.stderr.write(output + errors);
  expect(scenarios.length).toBeGreaterThanOrEqual(SCENARIOS_MIN);
  expect(scenarios.filter((line) => !line.startsWith("✓"))).toEqual([]);
});
