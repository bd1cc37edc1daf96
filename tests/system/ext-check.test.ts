/** `luna ext check` with the compiled binary: it runs examples on a real host, changes nothing and leaves nothing. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { isOfHome } from "../../src/config/mark.ts";
import { findByVariable } from "../../src/lib/proc.ts";
import { runLuna } from "../support/start-luna.ts";

setDefaultTimeout(60_000);

const Report = z.object({
  ok: z.boolean(),
  extensions: z.array(
    z.object({
      extension: z.string(),
      findings: z.array(z.object({ severity: z.string(), file: z.string(), message: z.string() })),
      tools: z.array(
        z.object({
          name: z.string(),
          tokens: z.int().positive(),
          example: z.object({ status: z.string(), text: z.string().optional() }),
        }),
      ),
    }),
  ),
});

let home: string;
let temporary: string;
let environment: Record<string, string>;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-home-"));
  temporary = await mkdtemp(join(tmpdir(), "luna-tmp-"));
  environment = { PATH: "/usr/bin:/bin", LUNA_HOME: home, TMPDIR: temporary };
  expect((await runLuna(["ext", "new", "demo"], environment)).code).toBe(0);
});
afterAll(async () => {
  expect(findByVariable("LUNA_PROCESS_ID", isOfHome(home))).toEqual([]);
  expect([...new Bun.Glob("luna-check-*").scanSync({ cwd: temporary, onlyFiles: false })]).toEqual(
    [],
  );
  await rm(home, { recursive: true });
  await rm(temporary, { recursive: true });
});

async function check(...args: string[]) {
  const { code, stdout } = await runLuna(["ext", "check", ...args, "--json"], environment);
  return { code, report: Report.parse(JSON.parse(stdout)) };
}

const statuses = ({ report }: Awaited<ReturnType<typeof check>>) =>
  report.extensions.flatMap(({ tools }) => tools.map(({ example }) => example.status));

test("a new extension is well, by its name and by its path; what changes something is not run", async () => {
  const byName = await check("demo");
  expect(byName).toMatchObject({ code: 0, report: { ok: true, extensions: [{ findings: [] }] } });
  expect(statuses(byName)).toEqual(["ok", "not_run"]);
  expect(statuses(await check(join(home, "extensions/demo")))).toEqual(["ok", "not_run"]);
  const text = await runLuna(["ext", "check"], environment);
  expect(text.stdout).toContain("DEMO_GET_greeting(name: string)");
  expect(text.stdout).toContain("nothing to improve");
});

test("--all runs the others too, on data of their own", async () => {
  expect(statuses(await check("demo", "--all"))).toEqual(["ok", "ok"]);
  expect(existsSync(join(home, "extensions/demo/data"))).toBe(false);
});

test("an example that breaks its host is an error, and the next one runs all the same", async () => {
  const file = join(home, "extensions/demo/tools/demo_tools.ts");
  const text = await readFile(file, "utf8");
  await writeFile(
    file,
    text.replace(
      "run: async ({ name }, context) =>",
      "run: () => process.exit(1), never: async ({ name }, context) =>",
    ),
  );
  const broken = await check("demo", "--all");
  expect(broken).toMatchObject({ code: 1, report: { ok: false } });
  expect(statuses(broken)).toEqual(["failed", "ok"]);
  await writeFile(file, `${text}\nexport const = 1;\n`);
  const unloaded = await check("demo");
  expect(unloaded.code).toBe(1);
  expect(unloaded.report.extensions[0]?.findings[0]?.message).toMatch(
    /"tools\/demo_tools\.ts": line \d+/,
  );
  await writeFile(file, text);
});

test("what is not there is said", async () => {
  const { code, stderr } = await runLuna(["ext", "check", "nothing"], environment);
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("there is no extension of that name"),
  ]);
});
