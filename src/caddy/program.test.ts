/** Getting Caddy, against a release server and package tools of this test's own. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnavailableError } from "../lib/errors.ts";
import { type CaddyMachine, ensureCaddy, findCaddy } from "./program.ts";
import { CADDY_VERSION } from "./release.ts";

const PLAIN: CaddyMachine = { root: false, systemd: false, platform: "linux", arch: "x64" };
const ARCHIVE = `caddy_${CADDY_VERSION}_linux_amd64.tar.gz`;
const FOLDER = `/mirror/v${CADDY_VERSION}`;

let home: string;
let bin: string;
let tools: string;
let said: string[];

/** What the release server has, by path. */
const served = new Map<string, Uint8Array<ArrayBuffer> | string>();
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const body = served.get(new URL(request.url).pathname);
    return body === undefined ? new Response("no", { status: 404 }) : new Response(body);
  },
});
afterAll(() => server.stop(true));

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-program-"));
  bin = join(home, "bin");
  tools = join(home, "tools");
  await mkdir(tools);
  for (const name of ["tar", "gzip", "sh"]) {
    await symlink(Bun.which(name) ?? name, join(tools, name));
  }
  said = [];
  served.clear();
});
afterEach(() => rm(home, { recursive: true, force: true }));

function options(machine: Partial<CaddyMachine> = {}) {
  const variables = { PATH: tools, LUNA_CADDY_RELEASES: `http://127.0.0.1:${server.port}/mirror/` };
  return {
    paths: { bin },
    environment: { variables },
    say: (line: string) => void said.push(line),
    machine: { ...PLAIN, ...machine },
  };
}

async function script(path: string, body: string): Promise<void> {
  await writeFile(path, `#!${join(tools, "sh")}\n${body}\n`);
  await chmod(path, 0o755);
}

/** An archive as the project makes them, with `program` as the script `caddy` in it. */
async function archive(program = "echo v2"): Promise<Uint8Array<ArrayBuffer>> {
  const folder = join(home, "content");
  await mkdir(folder, { recursive: true });
  await script(join(folder, "caddy"), program);
  await writeFile(join(folder, "LICENSE"), "…");
  const made = Bun.spawnSync(["tar", "-czf", "-", "-C", folder, "LICENSE", "caddy"]);
  return new Uint8Array(made.stdout);
}

const sha512 = (bytes: Uint8Array) => createHash("sha512").update(bytes).digest("hex");

function serveRelease(bytes: Uint8Array<ArrayBuffer>, checksum = sha512(bytes)): void {
  const checksums = `${"0".repeat(128)}  caddy_other.tar.gz\n${checksum}  ${ARCHIVE}\n`;
  served.set(`${FOLDER}/caddy_${CADDY_VERSION}_checksums.txt`, checksums);
  served.set(`${FOLDER}/${ARCHIVE}`, bytes);
}

test("a Caddy on PATH is taken, before one in Luna's home, and nothing is said", async () => {
  await mkdir(bin);
  await script(join(bin, "caddy"), "");
  expect(await ensureCaddy(options())).toBe(join(bin, "caddy"));
  await script(join(tools, "caddy"), "");
  expect(await ensureCaddy(options())).toBe(join(tools, "caddy"));
  expect(findCaddy(options())).toBe(join(tools, "caddy"));
  expect(said).toEqual([]);
});

describe("from the releases", () => {
  test("the program is put in place, executable, with nothing beside it", async () => {
    serveRelease(await archive());
    const program = await ensureCaddy(options());
    expect(program).toBe(join(bin, "caddy"));
    expect((await stat(program)).mode & 0o777).toBe(0o755);
    expect(await readdir(bin)).toEqual(["caddy"]);
    expect(said).toEqual(["Caddy is not installed; getting it from its project's releases …"]);
    expect(findCaddy(options())).toBe(program);
  });

  const FAULTS: [string, () => Promise<void>, string][] = [
    ["a wrong checksum", async () => serveRelease(await archive(), "1".repeat(128)), "checksum"],
    [
      "a truncated archive",
      async () => {
        const whole = await archive();
        serveRelease(whole.subarray(0, whole.length / 2), sha512(whole));
      },
      "checksum",
    ],
    ["no release at all", async () => {}, "404"],
    [
      "no archive",
      async () => {
        serveRelease(await archive());
        served.delete(`${FOLDER}/${ARCHIVE}`);
      },
      "404",
    ],
    [
      "checksums without this archive",
      async () => {
        serveRelease(await archive());
        served.set(`${FOLDER}/caddy_${CADDY_VERSION}_checksums.txt`, "abc  other.tar.gz\n");
      },
      "do not name",
    ],
    [
      "checksums without end",
      async () => {
        serveRelease(await archive());
        served.set(`${FOLDER}/caddy_${CADDY_VERSION}_checksums.txt`, "x".repeat(100_000));
      },
      "over 65536 bytes",
    ],
    ["what is no archive", async () => serveRelease(new Uint8Array(100)), "does not unpack"],
    [
      "a program that does not run",
      async () => serveRelease(await archive("exit 3")),
      "does not run",
    ],
  ];

  test.each(FAULTS)(
    "%s leaves nothing behind, and the one sentence says why",
    async (_name, lay, why) => {
      await lay();
      const error = await ensureCaddy(options()).catch((thrown: unknown) => thrown);
      if (!(error instanceof UnavailableError)) throw error;
      expect(error.message).toContain(why);
      expect(error.message).toContain("Cannot start Caddy");
      expect(error.message).not.toContain("\n");
      expect(await readdir(bin)).toEqual([]);
    },
  );

  test("a machine without a release is told so", async () => {
    await expect(ensureCaddy(options({ platform: "sunos" }))).rejects.toThrow(
      "there is no release for sunos on x64",
    );
  });

  test.each([
    ["apt-get", "sudo apt-get install -y --no-install-recommends caddy"],
    ["dnf", "sudo dnf install -y caddy"],
    ["brew", "brew install caddy"],
  ])("where there is %s, the sentence ends with its command", async (tool, command) => {
    await script(join(tools, tool), "exit 1");
    await expect(ensureCaddy(options())).rejects.toThrow(`install it with: ${command}`);
  });

  test("an address that is none is refused by name", async () => {
    const wrong = options();
    wrong.environment.variables.LUNA_CADDY_RELEASES = "ftp://somewhere";
    await expect(ensureCaddy(wrong)).rejects.toThrow("LUNA_CADDY_RELEASES");
  });
});

describe("from Debian's package", () => {
  const calls = async () => (await readFile(join(home, "calls"), "utf8")).trim().split("\n");

  /** Stand-ins that write down what they were asked. */
  async function layTools(installs: string): Promise<void> {
    const record = `echo "$(basename "$0") $*" >> ${join(home, "calls")}`;
    for (const name of ["basename", "chmod", "cat"]) {
      await symlink(Bun.which(name) ?? name, join(tools, name));
    }
    await script(join(tools, "systemctl"), record);
    await script(join(tools, "apt-get"), `${record}\ncase "$*" in *install*) ${installs} ;; esac`);
  }
  const laysProgram = () => `echo "#!/bin/sh" > ${tools}/caddy && chmod 755 ${tools}/caddy`;

  test("as root, and its service is neither started nor left enabled", async () => {
    await layTools(laysProgram());
    const program = await ensureCaddy(options({ root: true, systemd: true }));
    expect(program).toBe(join(tools, "caddy"));
    const units = "caddy.service caddy-api.service";
    expect(await calls()).toEqual([
      `systemctl mask --runtime ${units}`,
      "apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends caddy",
      `systemctl unmask --runtime ${units}`,
      `systemctl disable ${units}`,
    ]);
  });

  test("without systemd there is no service to keep from starting", async () => {
    await layTools(laysProgram());
    await ensureCaddy(options({ root: true }));
    expect(await calls()).toHaveLength(1);
  });

  test("package lists are fetched when the first try fails", async () => {
    const updated = join(home, "second");
    await layTools(`test -e ${updated} || { : > ${updated}; exit 100; }; ${laysProgram()}`);
    await ensureCaddy(options({ root: true }));
    expect((await calls()).map((call) => call.split(" ")[5])).toEqual([
      "install",
      "update",
      "install",
    ]);
  });

  test("when it cannot be had, the release is", async () => {
    await layTools("echo 'E: Unable to locate package caddy' >&2; exit 100");
    serveRelease(await archive());
    expect(await ensureCaddy(options({ root: true, systemd: true }))).toBe(join(bin, "caddy"));
    expect(said.join("\n")).toContain("Unable to locate package caddy");
    expect((await calls()).at(-1)).toStartWith("systemctl disable");
  });

  test("a person without root is never asked for a package", async () => {
    await layTools(laysProgram());
    serveRelease(await archive());
    expect(await ensureCaddy(options())).toBe(join(bin, "caddy"));
    expect(existsSync(join(home, "calls"))).toBe(false);
  });
});
