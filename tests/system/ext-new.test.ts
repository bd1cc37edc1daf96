/** `luna ext new` and `luna tools` on the compiled Luna: from nothing to a tool, a page and a service, without a restart. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";
import { z } from "zod";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(60_000);

const TSC = resolve(import.meta.dir, "../../node_modules/.bin/tsc");
const Listed = z.object({
  tools: z.array(z.object({ name: z.string(), extension: z.string() })),
  problems: z.array(z.string()),
});

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna();
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

const folderOf = (name: string) => join(luna.paths.extensions, name);
const pids = async () =>
  Object.entries((await luna.state()).services).flatMap(([name, { pid, kind }]) =>
    kind === "core" || kind === "caddy" ? [`${name} ${pid}`] : [],
  );

test("a new extension is callable at once, its page and its service serve, and nothing else restarts", async () => {
  const before = await pids();
  const made = await luna.run("ext", "new", "my-weather");
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(made.stdout).toContain("tools/my-weather_tools.ts");
  expect(made.stdout).toContain("2 tools, callable now");
  const ran = await luna.run("tools", "run", "MY_WEATHER_GET_greeting", "name=Ada");
  expect(ran).toMatchObject({ code: 0, stdout: '{\n  "greeting": "Hello, Ada!"\n}\n' });

  const headers = { Cookie: await luna.signIn() };
  const page = await fetch(`${luna.url}/ext/my-weather/`, { headers });
  expect(await page.text()).toContain("<h1>my-weather</h1>");
  const now = await fetch(`${luna.url}/ext/my-weather/now`, { headers });
  expect(await now.json()).toEqual({ now: expect.any(String) });
  const service = await fetch(`${luna.url}/api/my-weather/api/`, { headers });
  expect(await service.json()).toEqual({ service: "api", extension: "my-weather" });
  expect(await pids()).toEqual(before);
});

test("its tests pass with Luna's own bun, and nothing has to be installed", async () => {
  const bun = join(luna.paths.bin, "bun");
  const temporary = await mkdtemp(join(tmpdir(), "luna-tests-of-tools-"));
  const env = { ...luna.environment, TMPDIR: temporary };
  const ran = await $`${bun} test`.cwd(folderOf("my-weather")).env(env).quiet().nothrow();
  // What the tools kept in the tests went with them.
  expect(await readdir(temporary)).toEqual([]);
  await rm(temporary, { recursive: true });
  expect(ran.stderr.toString()).toContain("2 pass");
  expect(ran.exitCode).toBe(0);
});

test("its types check with nothing but what Luna laid out, and a mistake is found", async () => {
  const check = () => $`${TSC} -p .`.cwd(folderOf("my-weather")).quiet().nothrow();
  const well = await check();
  expect([well.exitCode, well.stdout.toString()]).toEqual([0, ""]);
  const file = join(folderOf("my-weather"), "tools/wrong.ts");
  await writeFile(
    file,
    `/** Wrong. */\nimport { defineTool, z } from "luna";\nexport const tool = defineTool({ name: "X", description: "x", input: z.object({ a: z.string() }), run: ({ a }) => a.nonsense });\n`,
  );
  const wrong = await check();
  await rm(file);
  expect(wrong.exitCode).not.toBe(0);
  expect(wrong.stdout.toString()).toContain("Property 'nonsense' does not exist on type 'string'");
});

test("in Python it is the same", async () => {
  const made = await luna.run("ext", "new", "my-snake", "--python", "--no-ui", "--no-service");
  expect([made.code, made.stdout]).toEqual([0, expect.stringContaining("1 tool, callable now")]);
  const ran = await luna.run("tools", "run", "MY_SNAKE_GET_greeting", "name=Ada");
  expect([ran.code, ran.stdout]).toEqual([0, '{"greeting": "Hello, Ada!"}\n']);
  const tested = await $`python3 -m unittest discover tests`.cwd(folderOf("my-snake")).quiet();
  expect(tested.exitCode).toBe(0);
  const checked = await luna.run("ext", "check", "my-snake");
  expect([checked.code, checked.stdout]).toEqual([
    0,
    expect.stringContaining("nothing to improve"),
  ]);
  const file = join(folderOf("my-snake"), "tools/my_snake_tools.py");
  await appendFile(file, "def broken(:\n");
  const broken = await luna.run("ext", "reload", "my-snake");
  expect([broken.code, broken.stdout]).toEqual([
    1,
    expect.stringMatching(/tools\/my_snake_tools\.py:\d+:/),
  ]);
  const still = await luna.run("tools", "run", "MY_SNAKE_GET_greeting", "name=Ada");
  expect(still.stdout).toBe('{"greeting": "Hello, Ada!"}\n');
});

test("one that is there, or a name that cannot be, is refused and changes nothing", async () => {
  const config = join(folderOf("my-weather"), "config.json");
  await appendFile(config, "\n");
  const before = await readFile(config, "utf8");
  const again = await luna.run("ext", "new", "my-weather");
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("is there already") });
  expect(await readFile(config, "utf8")).toBe(before);
  for (const name of ["../evil", "Weather", "hub", "mcp-x"]) {
    const refused = await luna.run("ext", "new", name);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("Cannot use") });
  }
  expect(existsSync(join(luna.home, "evil"))).toBe(false);
  expect(await luna.run("ext", "nwe", "x")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Did you mean "new"?'),
  });
});

test("tools are listed, as a server offers them, and run with their types", async () => {
  const all = Listed.parse(JSON.parse((await luna.run("tools", "list", "--json")).stdout));
  expect(all.tools.map(({ name }) => name)).toContain("NOTES_GET_all");
  expect(all.problems).toEqual([]);
  const config = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
  config.tool_configs.NOTES_GET_all = { enabled_in_mcp: false };
  await writeFile(luna.paths.masterConfig, JSON.stringify(config));
  const main = await luna.run("tools", "list", "--server", "main");
  expect(main.stdout).toContain("NOTES_GET_search");
  expect(main.stdout).not.toContain("NOTES_GET_all");
  const none = await luna.run("tools", "list", "--server", "mian");
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("there are main") });

  const listed = await luna.run("tools", "run", "NOTES_GET_all", "limit=3", "--json");
  expect(listed.code).toBe(0);
  expect(JSON.parse(listed.stdout)).toMatchObject({ success: true, result: { total: 0 } });
  const failed = await luna.run("tools", "run", "NOTES_UPDATE_delete", "id=9");
  expect(failed).toMatchObject({
    ...{ code: 1, stdout: "", stderr: expect.stringContaining("There is no note 9") },
  });
  const word = await luna.run("tools", "run", "NOTES_GET_all", "limit=hunter2");
  expect(word.code).toBe(1);
  expect(word.stderr).toContain('"limit" should be a number');
  expect(word.stderr).not.toContain("hunter2");
  const near = await luna.run("tools", "run", "notes_get_all");
  expect(near).toMatchObject({ code: 1, stderr: expect.stringContaining('"NOTES_GET_all"?') });
});
