/** Packages of extensions, installed by the compiled binary and by this machine's Python from a registry on this machine. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { pathsOf } from "../../src/config/paths.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { findByVariable } from "../../src/lib/proc.ts";
import { type InstallOptions, installPackages } from "../../src/packages/install.ts";
import { endLeftInstalls, removeUnusedPackages } from "../../src/packages/left-overs.ts";
import { pythonBinOf } from "../../src/python/environment-link.ts";
import { type RegistryStandIn, startRegistry } from "../support/registry-stand-in.ts";
import { BINARY } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { uvFolder } from "../support/uv.ts";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Every bound under test is far below; this is for machines with much else to do. */
setDefaultTimeout(60_000);
const PYTHON_TIMEOUT_MS = 120_000;

let registry: RegistryStandIn;
let home: string;
let count = 0;
const lines: string[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  home = await mkdtemp(join(tmpdir(), "luna-packages-"));
});
afterAll(async () => {
  await registry.stop();
  await rm(home, { recursive: true, force: true });
});

async function stage(files: Record<string, string>): Promise<string> {
  count += 1;
  const folder = join(home, "staging", `extension-${count}`);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const environment = (more: Record<string, string> = {}) =>
  readEnvironment({
    PATH: SYSTEM_PATH,
    HOME: home,
    LUNA_HOME: home,
    LUNA_SECRET: "canary-of-the-secret",
    NPM_CONFIG_REGISTRY: registry.npm,
    PIP_INDEX_URL: registry.pypi,
    UV_DEFAULT_INDEX: registry.pypi,
    ...more,
  });

function install(folder: string, more: Partial<InstallOptions> = {}) {
  return installPackages({
    environment: environment(),
    folder,
    cache: join(home, "cache"),
    trusted: false,
    log: (line) => lines.push(line),
    bun: BINARY,
    ...more,
  });
}

const dependencies = (list: Record<string, string>, more: object = {}): string =>
  JSON.stringify({ name: "x", version: "1.0.0", dependencies: list, ...more });
const versionIn = (folder: string, name = "tiny"): string =>
  JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;

test("packages of the extension, its UI and its services are installed and told", async () => {
  const list = dependencies({ tiny: "^1.0.0" });
  const folder = await stage({
    "package.json": list,
    "ui/package.json": list,
    "services/web/package.json": list,
    "services/other/package.json": '{"name":"y"}',
  });
  const { installed, problems } = await install(folder);
  expect(installed).toEqual(["package.json", "ui/package.json", "services/web/package.json"]);
  expect(problems).toEqual([]);
  for (const path of ["", "ui", "services/web"]) {
    expect(versionIn(join(folder, path))).toBe("1.1.0");
    expect(existsSync(join(folder, path, "node_modules/.bin/tiny"))).toBe(true);
  }
  expect(existsSync(join(folder, "services/other/node_modules"))).toBe(false);
  expect(lines).toContain("+ tiny@1.1.0");
  // Renamed into its place it is still whole.
  await rename(folder, `${folder}-moved`);
  expect(readFileSync(join(`${folder}-moved`, "ui/node_modules/.bin/tiny"), "utf8")).toBe("");
});

test("what is locked is installed, by Bun's lock or npm's, and one that does not fit is refused", async () => {
  const first = await stage({ "package.json": dependencies({ tiny: "1.0.0" }) });
  await install(first);
  const lock = readFileSync(join(first, "bun.lock"), "utf8").replace(
    '"tiny": "1.0.0"',
    '"tiny": "^1.0.0"',
  );
  const list = dependencies({ tiny: "^1.0.0" });
  const locked = await stage({ "package.json": list, "bun.lock": lock });
  await install(locked);
  expect(versionIn(locked)).toBe("1.0.0");
  const npmLock = await stage({
    "package.json": list,
    "package-lock.json": JSON.stringify({
      name: "x",
      version: "1.0.0",
      lockfileVersion: 3,
      packages: {
        "": { name: "x", version: "1.0.0", dependencies: { tiny: "^1.0.0" } },
        "node_modules/tiny": {
          version: "1.0.0",
          resolved: `${registry.npm}/tiny/-/tiny-1.0.0.tgz`,
        },
      },
    }),
  });
  await install(npmLock);
  expect(versionIn(npmLock)).toBe("1.0.0");
  const unfit = await stage({ "package.json": dependencies({ tiny: "1.1.0" }), "bun.lock": lock });
  await expect(install(unfit)).rejects.toThrow(
    /Cannot install the packages of "package.json": exit code 1: [\s\S]*lockfile/,
  );
});

test("scripts run only where they are trusted, and then without Luna's secrets", async () => {
  const list = dependencies({ scripted: "1.0.0" }, { trustedDependencies: ["scripted"] });
  const ran = (folder: string): string => join(folder, "node_modules/scripted/ran.txt");
  const files = { "package.json": list };
  const doubted = await stage(files);
  await install(doubted);
  expect(existsSync(ran(doubted))).toBe(false);
  const trusted = await stage(files);
  await install(trusted, { trusted: true });
  expect(existsSync(ran(trusted))).toBe(true);
  const seen = readFileSync(join(trusted, "node_modules/scripted/environment.txt"), "utf8");
  expect(seen).toContain("LUNA_PROCESS_ID=");
  expect(seen).not.toContain("canary-of-the-secret");
});

test("an extension's own .npmrc and bunfig.toml count only where it is trusted", async () => {
  const files = {
    "package.json": dependencies({ tiny: "1.0.0" }),
    ".npmrc": "registry=http://127.0.0.1:9/\n",
    "bunfig.toml":
      '[install]\nregistry = "http://127.0.0.1:9/"\n[install.scopes]\n"@a" = "http://127.0.0.1:9/"\n',
  };
  const own = { environment: environment({ NPM_CONFIG_REGISTRY: "" }) };
  const doubted = await stage(files);
  await install(doubted);
  expect(versionIn(doubted)).toBe("1.0.0");
  expect((await readdir(doubted)).sort()).toEqual([
    ".npmrc",
    "bun.lock",
    "bunfig.toml",
    "node_modules",
    "package.json",
  ]);
  expect(lines.some((line) => line.includes(".npmrc is not used"))).toBe(true);
  const trusted = await stage({ ...files, "package.json": dependencies({ unknown: "1.0.0" }) });
  await expect(install(trusted, { ...own, trusted: true })).rejects.toThrow("ConnectionRefused");
});

test.each([
  ["a folder above", { a: "file:../../secrets" }, {}],
  ["a link above", { a: "link:../../x" }, {}],
  ["an absolute path", { a: "/etc" }, {}],
  ["a workspace above", {}, { workspaces: ["../../*"] }],
  ["an override", { tiny: "1.0.0" }, { overrides: { tiny: "file:../../x" } }],
])("%s is refused before anything runs", async (_, list, more) => {
  const folder = await stage({ "ui/package.json": dependencies(list, more) });
  await expect(install(folder)).rejects.toThrow("leads out of the extension's folder");
  expect(existsSync(join(folder, "ui/node_modules"))).toBe(false);
});

test("a link that leads out of the folder is refused afterwards; lists behind links are not read", async () => {
  const folder = await stage({ "package.json": dependencies({ tiny: "1.0.0" }) });
  await symlink("/etc", join(folder, "elsewhere"));
  await expect(install(folder)).rejects.toThrow('"elsewhere" leads out');
  const other = await stage({ "ui/package.json": dependencies({ tiny: "1.0.0" }) });
  const linked = await stage({ "config.json": "{}" });
  await symlink(join(other, "ui"), join(linked, "ui"));
  expect(await install(linked)).toEqual({ installed: [], problems: [] });
});

test("with a warm cache nothing asks the network, and with a cold one it says what is missing", async () => {
  const files = { "package.json": dependencies({ tiny: "1.0.0" }) };
  await install(await stage(files));
  const before = registry.requests.length;
  const warm = await stage(files);
  await install(warm, { offline: true });
  expect(versionIn(warm)).toBe("1.0.0");
  expect(registry.requests.length).toBe(before);
  const cold = { offline: true, cache: join(home, "cold") };
  await expect(install(await stage(files), cold)).rejects.toThrow(/tiny/);
});

test("one extension's packages are no way into another's", async () => {
  const files = { "package.json": dependencies({ tiny: "1.0.0" }) };
  const [one, other] = [await stage(files), await stage(files)];
  await install(one);
  await writeFile(join(one, "node_modules/tiny/index.js"), "evil");
  await install(other);
  expect(readFileSync(join(other, "node_modules/tiny/index.js"), "utf8")).not.toContain("evil");
});

test("an install that takes too long, writes too much or is called off ends with all that it started", async () => {
  const left = () => findByVariable("LUNA_PROCESS_ID", (mark) => mark.includes(":packages-"));
  const slow = {
    "package.json": dependencies({ slow: "1.0.0" }, { trustedDependencies: ["slow"] }),
  };
  const late = install(await stage(slow), { trusted: true, bounds: { timeoutMs: 1_500 } });
  await expect(late).rejects.toThrow("it took longer than 1.5 s");
  expect(left()).toEqual([]);
  const caller = new AbortController();
  const called = install(await stage(slow), { trusted: true, signal: caller.signal });
  await until(() => left().length >= 3, { what: "the script to run", timeoutMs: 30_000 });
  caller.abort(new Error("called off"));
  await expect(called).rejects.toThrow("called off");
  expect(left()).toEqual([]);
  const orphan = install(await stage(slow), { trusted: true });
  const failing = orphan.catch(messageOf);
  await until(() => left().length >= 3, { what: "the script to run", timeoutMs: 30_000 });
  await endLeftInstalls(home);
  expect(left()).toEqual([]);
  expect(await failing).toContain("SIGKILL");
  const big = await stage({ "package.json": dependencies({ big: "1.0.0" }) });
  const bounds = { bytesMax: 2 * 1024 * 1024 };
  await expect(install(big, { bounds })).rejects.toThrow("more than the 2 MB allowed");
  const many = install(await stage({ "package.json": dependencies({ tiny: "1.0.0" }) }), {
    bounds: { filesMax: 3 },
  });
  await expect(many).rejects.toThrow("more than the 3 files allowed");
});

/** What installs Python packages, by what is on the path; each has a home of its own. */
const PYTHON_INSTALLERS = {
  "python3 -m venv and pip": async () => SYSTEM_PATH,
  uv: async () => `${await uvFolder()}:${SYSTEM_PATH}`,
};

async function pythonHome(path: string) {
  const own = await mkdtemp(join(home, "python-"));
  const given = environment({ PATH: path, LUNA_HOME: own, HOME: own });
  return { own, withIt: { environment: given, cache: join(own, "cache") } };
}

async function answer(folder: string): Promise<string> {
  const child = Bun.spawn(
    [join(pythonBinOf(folder) ?? "", "python"), "-c", "import tiny_py; print(tiny_py.ANSWER)"],
    { env: { PATH: SYSTEM_PATH }, stderr: "inherit" },
  );
  return (await new Response(child.stdout).text()).trim();
}

test.each(Object.entries(PYTHON_INSTALLERS))(
  "Python packages come, by %s, into an environment that several share and that survives the swap",
  async (name, path) => {
    const { own, withIt } = await pythonHome(await path());
    const files = {
      "requirements.txt": "tiny-py==1.0  # pinned\n-r services/back/requirements.txt\n",
      "services/back/requirements.txt": "other-py\n",
    };
    const folder = await stage(files);
    const { installed, problems } = await install(folder, withIt);
    expect(installed).toEqual(["requirements.txt", "services/back/requirements.txt"]);
    expect(problems).toEqual([]);
    await rename(folder, `${folder}-moved`);
    expect(await answer(`${folder}-moved`)).toBe("42");
    const environments = pathsOf(own).pythonEnvironments;
    const made = readlinkSync(join(`${folder}-moved`, ".venv"));
    expect(dirname(made)).toBe(environments);
    // uv says so in the environments that it makes.
    expect(/^uv = /m.test(readFileSync(join(made, "pyvenv.cfg"), "utf8"))).toBe(name === "uv");
    // Its scripts say the place where it is.
    expect(readFileSync(join(made, "bin/tiny-py"), "utf8")).toContain(join(made, "bin/python"));

    // The same again costs nothing, also without a network.
    const before = registry.requests.length;
    const again = await stage(files);
    await install(again, { ...withIt, offline: true });
    expect(readlinkSync(join(again, ".venv"))).toBe(made);
    // Other lists of the same packages need the cache alone.
    const other = await stage({ "requirements.txt": "tiny_py == 1.0\n" });
    await install(other, { ...withIt, offline: true });
    expect(await answer(other)).toBe("42");
    expect(registry.requests.length).toBe(before);

    // What was never finished goes, what is linked to or new stays.
    await mkdir(join(environments, "unfinished"));
    expect(await removeUnusedPackages(pathsOf(own))).toBe(1);
    expect((await readdir(environments)).length).toBe(2);
    // Later only what an extension, or the version before it, links to.
    const old = new Date(Date.now() - 8 * 24 * 60 * 60_000);
    for (const name of await readdir(environments)) {
      await utimes(join(environments, name, "luna-environment.json"), old, old);
    }
    await mkdir(join(own, ".luna/backups"), { recursive: true });
    await rename(`${folder}-moved`, join(own, ".luna/backups/mine"));
    expect(await removeUnusedPackages(pathsOf(own))).toBe(1);
    expect(await readdir(environments)).toEqual([basename(made)]);
  },
  PYTHON_TIMEOUT_MS,
);

test.each(Object.entries(PYTHON_INSTALLERS))(
  "by %s, Python packages that are not there, or lie elsewhere, fail with the line",
  async (_, path) => {
    const { withIt } = await pythonHome(await path());
    const missing = await stage({ "requirements.txt": "no-such-py\n" });
    await expect(install(missing, withIt)).rejects.toThrow(/"requirements.txt"[\s\S]*no-such-py/);
    expect(existsSync(join(missing, ".venv"))).toBe(false);
    const source = await stage({
      "requirements.txt": "--index-url http://127.0.0.1:9/\ntiny-py\n",
    });
    await expect(install(source, withIt)).rejects.toThrow(
      '"--index-url http://127.0.0.1:9/" is no package',
    );
  },
  PYTHON_TIMEOUT_MS,
);

test("without Python the extension says what to install, and its npm packages are there all the same", async () => {
  const folder = await stage({
    "package.json": dependencies({ tiny: "1.0.0" }),
    "tools/x_tools.py": "TOOLS = []\n",
  });
  const { installed, problems } = await install(folder, {
    environment: environment({ PATH: "/nowhere" }),
  });
  expect(installed).toEqual(["package.json"]);
  expect(problems).toEqual([expect.stringContaining("apt install python3 python3-venv")]);
  const broken = await install(folder, { environment: environment({ LUNA_PYTHON: "/bin/false" }) });
  expect(broken.problems).toEqual([expect.stringContaining('Cannot use "/bin/false" as Python')]);
});
