/** The official MCP conformance suite against the compiled Luna as a client of others' servers: all that each revision requires. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(240_000);

const PACKAGE = resolve(import.meta.dir, "../../node_modules/@modelcontextprotocol/conformance");
const AT_ONCE = 2;
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

/** What the suite says that a client of this revision has to pass. */
async function required(revision: string): Promise<string[]> {
  const text = await Bun.file(join(PACKAGE, "requirements", `${revision}.yaml`)).text();
  const [, list = ""] = /^client:\n((?:(?: {2}- .*| *#.*|)\n)*)/m.exec(text) ?? [];
  return [...list.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = ""]) => name);
}

/** Runs one scenario. @returns what went wrong, undefined when nothing did */
async function faultOf(scenario: string, revision: string): Promise<string | undefined> {
  const child = Bun.spawn(
    [
      ...[process.execPath, join(PACKAGE, "dist/index.js"), "client"],
      ...["--scenario", scenario, "--spec-version", revision],
      ...["--command", `${process.execPath} ${CLIENT}`],
      ...["--timeout", String(SCENARIO_TIMEOUT_MS), "--output-dir", results],
    ],
    {
      ...{ cwd: results, env: { ...luna.environment, NO_COLOR: "1" } },
      ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    },
  );
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const said = output + errors;
  return code === 0 && said.includes("OVERALL: PASSED") ? undefined : said;
}

test.each([
  ["2025-11-25", 18],
  ["2026-07-28", 32],
])("all that %s requires of a client passes, without an exclusion", async (revision, count) => {
  const left = await required(revision);
  expect(left).toHaveLength(count);
  const faults: Record<string, string> = {};
  const work = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const fault = await faultOf(name, revision);
      if (fault === undefined) continue;
      faults[name] = fault;
      process.stderr.write(`${name}:\n${fault}\n`);
    }
  };
  // All at once they would wait for each other's processor time, which scenarios of time do not bear.
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(Object.keys(faults)).toEqual([]);
});
