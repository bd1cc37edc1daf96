/** The update of the program with programs that are scripts: what is refused leaves everything as it was. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  RELEASES_REPOSITORY,
  type ReleasesStandIn,
  startReleases,
} from "../../tests/support/releases-stand-in.ts";
import { CoreUpdate, type CoreUpdateOptions } from "./core-update.ts";

const script = (version: string, more = ""): string =>
  `#!/bin/sh\n${more}\necho '{"version":"${version}","ok":true}'\n`;

let folder: string;
let program: string;
let releases: ReleasesStandIn;

async function publish(version: string, text = script(version)): Promise<void> {
  const path = join(folder, `release-${releases.apiUrl.length}-${version}`);
  await writeFile(path, text);
  releases.publish(version, path);
}

function update(more: Partial<CoreUpdateOptions> = {}): CoreUpdate {
  return new CoreUpdate({
    ...{ file: join(folder, "core_update.json"), program, version: "1.0.0" },
    source: async () => ({ apiUrl: releases.apiUrl, repository: RELEASES_REPOSITORY }),
    environment: { PATH: "/usr/bin:/bin" },
    ...{ platform: process.platform, arch: process.arch },
    ...more,
  });
}

const text = (): string => readFileSync(program, "utf8");
const besides = async () =>
  (await readdir(join(folder, "bin"))).filter((name) => name !== "luna").sort();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-core-"));
  program = join(folder, "bin", "luna");
  await Bun.write(program, script("1.0.0"));
  await chmod(program, 0o755);
  releases = startReleases();
});
afterEach(async () => {
  await releases.stop();
  await rm(folder, { recursive: true, force: true });
});

test("a newer release is told, an older one is none", async () => {
  await publish("0.9.0");
  expect(await update().check()).toMatchObject({ update_available: false, refusal: null });
  await publish("1.10.0");
  expect(await update({ version: "1.9.9" }).check()).toMatchObject({
    ...{ update_available: true, current: { version: "1.9.9" }, refusal: null },
    remote: { version: "1.10.0", notes: "What is new" },
  });
});

test("what keeps an update from being possible is told in words", async () => {
  await publish("2.0.0");
  const refusalOf = async (more: Partial<CoreUpdateOptions>) =>
    (await update(more).check()).refusal;
  expect(await refusalOf({ program: undefined })).toContain("git pull");
  const nowhere = async () => ({ apiUrl: releases.apiUrl, repository: null });
  expect(await refusalOf({ source: nowhere })).toContain("updates.core_repository");
  const unknown = async () => ({ apiUrl: releases.apiUrl, repository: "no/one" });
  expect(await refusalOf({ source: unknown })).toContain("404");
  expect(await refusalOf({ arch: "sparc" })).toContain('has no file "luna-linux-sparc"');
  await releases.stop();
  expect(await refusalOf({})).toContain("Cannot look for a release of Luna");
});

test("the new program takes the place, and the one before can take it back", async () => {
  await publish("2.0.0");
  const one = update();
  expect(await one.prepare("latest")).toEqual({ from: "1.0.0", to: "2.0.0" });
  expect(text()).toBe(script("1.0.0"));
  await one.swap({ from: "1.0.0", to: "2.0.0", run: "r" });
  expect(text()).toBe(script("2.0.0"));
  expect(await one.read()).toMatchObject({ state: "trying", run: "r", starts: 0 });
  await one.countStart();
  expect(await one.read()).toMatchObject({ state: "trying", starts: 1 });
  await one.rollBack("it did not run");
  expect(text()).toBe(script("1.0.0"));
  expect(await besides()).toEqual([]);
  expect(await one.read()).toMatchObject({ state: "rolled_back", reason: "it did not run" });
  // What is over is not begun again.
  await one.keep();
  await one.rollBack("again");
  expect(await one.read()).toMatchObject({ state: "rolled_back", reason: "it did not run" });
});

test("a program that works stays, with the one before beside it", async () => {
  await publish("2.0.0");
  const one = update();
  await one.swap(Object.assign(await one.prepare("2.0.0"), { run: null }));
  await one.keep();
  await one.rollBack("too late");
  expect(text()).toBe(script("2.0.0"));
  expect(await besides()).toEqual(["luna.old"]);
  expect(readFileSync(`${program}.old`, "utf8")).toBe(script("1.0.0"));
});

const spoil = (how: Partial<ReleasesStandIn>): void => void Object.assign(releases, how);

const REFUSED: [what: string, make: () => Promise<void>, words: string][] = [
  ["another checksum", async () => spoil({ checksum: "0".repeat(64) }), "checksum"],
  ["a body that ends too early", async () => spoil({ cutAt: 10 }), "checksum"],
  [
    "a program that fails its self-test",
    () => publish("2.0.0", "#!/bin/sh\necho no such library >&2\nexit 1\n"),
    "no such library",
  ],
  ["a program of another version", () => publish("2.0.0", script("3.0.0")), "calls itself 3.0.0"],
  ["something else than a program", () => publish("2.0.0", "#!/bin/sh\necho hi\n"), "something"],
  ["the version that runs", () => publish("1.0.0"), "runs already"],
];
for (const [what, make, words] of REFUSED) {
  test(`${what} is refused, and nothing is left`, async () => {
    if (!what.startsWith("a program") && !what.startsWith("something")) await publish("2.0.0");
    await make();
    await expect(update().prepare("latest")).rejects.toThrow(words);
    expect(await besides()).toEqual([]);
    expect(text()).toBe(script("1.0.0"));
    expect(existsSync(join(folder, "core_update.json"))).toBe(false);
  });
}

test("a program that was prepared and is gone puts nothing in place", async () => {
  const one = update();
  await expect(one.swap({ from: "1.0.0", to: "2.0.0", run: null })).rejects.toThrow("ENOENT");
  expect(text()).toBe(script("1.0.0"));
  expect(await one.read()).toMatchObject({ state: "rolled_back" });
  expect(await besides()).toEqual([]);
});
