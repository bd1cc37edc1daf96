/** The official MCP conformance suite against the compiled Luna as a client of others' servers: all that each revision requires. */
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

/** By scenario, whether it passed; the suite itself says which ones a revision does not require. */
async function scored(revision: string): Promise<ReadonlyMap<string, boolean>> {
  const child = Bun.spawn(
    [
      ...[process.execPath, SUITE, "client", "--requirements", revision],
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
  const outcomes = new Map<string, boolean>();
  for (const [, mark, name = ""] of output.matchAll(/^([✓✗]) (\S+): /gm)) {
    outcomes.set(name, mark === "✓");
  }
  for (const [, name = ""] of output.matchAll(/^ {2}[✓✗] (\S+) \(/gm)) outcomes.delete(name);
  if ([...outcomes.values()].includes(false)) process.stderr.write(output + errors);
  return outcomes;
}

test.each([
  ["2025-11-25", 18],
  ["2026-07-28", 32],
])("all that %s requires of a client passes, without an exclusion", async (revision, count) => {
  const outcomes = await scored(revision);
  expect([...outcomes].filter(([, isPassed]) => !isPassed)).toEqual([]);
  expect(outcomes.size).toBe(count);
});
