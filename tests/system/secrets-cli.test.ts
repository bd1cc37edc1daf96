/** `luna secrets` of the compiled binary: the same with a Luna that runs and with one that does not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 60_000;
const VALUE = "a value with $(id), \"quotes\" and 'others'";

let folder: string;
let luna: Luna;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-secrets-"));
  luna = await startLuna();
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await rm(folder, { recursive: true, force: true });
}, TIMEOUT_MS);

async function run(environment: Record<string, string>, args: string[], input = "") {
  const child = Bun.spawn([BINARY, "secrets", ...args], {
    env: environment,
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

const HOMES = [
  ["with a Luna that runs", () => luna.environment],
  ["with a Luna that does not run", () => ({ LUNA_HOME: folder, PATH: "/usr/bin:/bin" })],
] as const;

for (const [when, environment] of HOMES) {
  describe(when, () => {
    const secrets = (...args: string[]) => run(environment(), args);
    const env = () => readFile(join(environment().LUNA_HOME ?? "", ".env"), "utf8");

    test("set takes the value from standard input, list shows its end, unset takes it out", async () => {
      const set = await run(environment(), ["set", "MY_KEY"], `${VALUE}\n`);
      expect(set).toMatchObject({
        code: 0,
        stderr: "",
        stdout: expect.stringContaining("MY_KEY is set."),
      });
      expect(await env()).toContain('MY_KEY="a value with \\$(id), \\"quotes\\" and \'others\'"');
      expect((await stat(join(environment().LUNA_HOME ?? "", ".env"))).mode & 0o777).toBe(0o600);
      const { stdout } = await secrets("list");
      expect(stdout).toMatch(/MY_KEY +•{8}ers' +\.env/);
      expect(stdout).not.toContain("quotes");
      expect(JSON.parse((await secrets("list", "--json")).stdout).MY_KEY.is_set).toBe(true);
      expect((await secrets("unset", "MY_KEY")).stdout).toContain("MY_KEY is not set any more.");
      expect(await env()).not.toContain("MY_KEY");
      expect((await secrets("unset", "MY_KEY")).stdout).toContain("MY_KEY was not set.");
      expect((await secrets("set")).stderr).toContain("the name of a key is missing");
    });

    test("import shows names and reasons, and writes only when it is told to", async () => {
      const file = join(folder, "import.env");
      await writeFile(file, "# comment\nONE_KEY=first-value\nPATH=/evil\nnonsense\n");
      const shown = await secrets("import", file);
      expect(shown.code).toBe(1);
      expect(shown.stdout).toContain("New:      ONE_KEY");
      expect(shown.stdout).toMatch(/line 3 \(PATH\): it changes how programs run/);
      expect(shown.stdout).toContain("line 4: it is no NAME=value");
      expect(shown.stdout + shown.stderr).not.toContain("first-value");
      expect(await env()).not.toContain("ONE_KEY");
      const done = await secrets("import", file, "--yes");
      expect(done.stdout).toContain("1 key is written.");
      expect(await env()).toContain("ONE_KEY=first-value\n");
      expect((await secrets("import", file, "--yes")).stdout).toContain("nothing to change");
    });

    test.each([
      [["set", "MY_KEY=a-secret-value"], "give the name alone", 1],
      [["set", "MY_KEY", "a-secret-value"], "a value is no argument", 2],
      [["set", "PATH"], "how programs run", 1],
      [["set", "LUNA_SECRET"], "for itself", 1],
      [["unset", "SUPERVISOR_API_TOKEN"], "for itself", 1],
      [["import", "/none/there"], "no such file", 1],
      [["frobnicate"], "luna secrets list", 2],
    ])("%p is refused", async (args, why, expected) => {
      const { code, stdout, stderr } = await run(environment(), args, "x");
      expect(code).toBe(expected);
      expect(stderr).toContain(why);
      expect(stdout + stderr).not.toContain("a-secret-value");
    });

    test("an empty value is refused, so that nothing is overwritten with nothing", async () => {
      const { code, stderr } = await run(environment(), ["set", "ONE_KEY"], "\n");
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("empty") });
      expect(await env()).toContain("ONE_KEY=first-value\n");
    });
  });
}
