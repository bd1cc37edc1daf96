/** `luna ext add|update` on the compiled Luna: folders and archives of this machine, shown, asked for, and installed as shown. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { createExtension } from "../../src/extensions/scaffold.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(60_000);

let luna: Luna;
let work: string;
let folder: string;
beforeAll(async () => {
  luna = await startLuna();
  work = await mkdtemp(join(tmpdir(), "luna-work-"));
  await createExtension(work, { name: "demo", isPython: false, hasUi: true, hasService: true });
  folder = join(work, "demo");
  const manifest = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  manifest.required_secrets = [{ name: "DEMO_KEY", label: "Demo" }];
  await writeFile(join(folder, "config.json"), JSON.stringify(manifest));
  await mkdir(join(folder, "node_modules/evil"), { recursive: true });
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data/phrase.txt"), "Of the author alone");
  await symlink("/etc/passwd", join(folder, "secret"));
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await rm(work, { recursive: true });
  expect(left).toEqual([]);
});

const greet = async () => (await luna.run("tools", "run", "DEMO_GET_greeting", "name=Ada")).stdout;

test("a folder is shown with what it asks for and runs, and installed when that is wanted", async () => {
  const shown = await luna.run("ext", "add", folder);
  expect(shown.code).toBe(1);
  expect(shown.stdout).toContain("install demo 0.1.0 from upload:");
  expect(shown.stdout).toMatch(/asks for +DEMO_KEY/);
  expect(shown.stdout).toContain("services/api/start.sh");
  expect(shown.stderr).toContain("add --yes");
  expect(existsSync(join(luna.paths.extensions, "demo"))).toBe(false);
  const done = await luna.run("ext", "add", folder, "--yes");
  expect(done.code).toBe(0);
  expect(done.stderr).toContain("Left out: secret");
  expect(await greet()).toContain("Hello, Ada!");
  const there = join(luna.paths.extensions, "demo");
  for (const path of ["node_modules/evil", "secret"]) {
    expect(existsSync(join(there, path)), path).toBe(false);
  }
});

test("the same again is an update; what the extension has kept stays", async () => {
  await luna.run("tools", "run", "DEMO_UPDATE_phrase", "phrase=Ahoy");
  const tools = join(folder, "tools/demo_tools.ts");
  await writeFile(tools, (await readFile(tools, "utf8")).replace(/!`/, "!!`"));
  const done = await luna.run("ext", "add", folder, "--yes");
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining("update demo")]);
  expect(await greet()).toContain("Ahoy, Ada!!");
});

test("an archive is installed under the name that it is given", async () => {
  await $`tar czf ${join(work, "other.tar.gz")} --exclude=secret --exclude=node_modules -C ${work} demo`.quiet();
  const done = await luna.run(
    "ext",
    "add",
    join(work, "other.tar.gz"),
    "--name",
    "other",
    "--disabled",
    "-y",
  );
  expect([done.code, done.stdout, done.stderr]).toEqual([0, expect.any(String), ""]);
  const list = await luna.run("ext", "list");
  expect(list.stdout).toMatch(/^other +0\.1\.0 +off/m);
});

test("what cannot be installed is refused, and changes nothing", async () => {
  await writeFile(join(work, "bad.zip"), "this is no archive");
  await appendFile(join(work, "note.txt"), "text");
  const before = readFileSync(luna.paths.masterConfig, "utf8");
  for (const [source, why] of [
    [join(work, "bad.zip"), "Cannot"],
    [join(work, "note.txt"), "a folder, a .zip or a .tar.gz"],
    [join(work, "none"), "it is not there"],
    ["ftp://somewhere", "should be"],
  ] as const) {
    const { code, stderr } = await luna.run("ext", "add", source, "--yes");
    expect([source, code, stderr]).toEqual([source, 1, expect.stringContaining(why)]);
  }
  expect(readFileSync(luna.paths.masterConfig, "utf8")).toBe(before);
  const nothing = await luna.run("ext", "update", "--all");
  expect([nothing.code, nothing.stdout]).toEqual([0, expect.stringContaining("nothing to update")]);
  expect((await luna.run("ext", "update")).code).toBe(2);
});
