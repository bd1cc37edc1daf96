/** Named weaknesses of processes, files and secrets, tried on the compiled Luna; each probe also finds what it looks for. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { EnvFile } from "../../src/config/env-file.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { BINARY, type Luna, runLuna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const WITNESS_SECRET = "canary-witness-secret-4711";
const UNASKED_SECRET = "canary-that-nobody-asked-for-4712";
const TMP = await mkdtemp(join(tmpdir(), "luna-tmp-"));

/** What a shell would run, if it read this file. */
function hostileEnv(folder: string): string {
  return [
    `WITNESS_SECRET=${WITNESS_SECRET}`,
    `UNASKED_SECRET=${UNASKED_SECRET}`,
    `COMMAND=$(touch ${folder}/ran-1)`,
    `BACKTICKS=\`touch ${folder}/ran-2\``,
    `QUOTED="$(touch ${folder}/ran-3)"`,
    `A=b touch ${folder}/ran-4`,
    `; touch ${folder}/ran-5`,
    "",
  ].join("\n");
}

const ran = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("ran-"));

let luna: Luna;
beforeAll(async () => {
  const witness = await fixtureExtension("witness");
  const disabled = Object.fromEntries(
    Object.entries(witness).map(([path, text]) => [
      path
        .replace("extensions/witness", "extensions/sleeper")
        .replace("witness_tools", "sleeper_tools"),
      text.replaceAll("witness", "sleeper").replaceAll("WITNESS", "SLEEPER"),
    ]),
  );
  const config = { extensions: { sleeper: { enabled: false } } };
  luna = await startLuna({
    environment: { TMPDIR: TMP, BUN_OPTIONS: "", NODE_OPTIONS: "", LD_BIND_NOW: "1" },
    files: {
      ...(await fixtureExtension("clock")),
      ...witness,
      ...disabled,
      ".luna/master_config.json": JSON.stringify(config),
      ".env": hostileEnv(TMP),
    },
  });
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await rm(TMP, { recursive: true, force: true });
});

const Witness = z.object({
  pid: z.int(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
});

/** Every process that imported the extension's code so far. */
function witnesses(name: string): z.infer<typeof Witness>[] {
  const file = join(luna.home, `${name}.jsonl`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => Witness.parse(JSON.parse(line)));
}

async function callWitness(): Promise<void> {
  await until(
    async () => {
      const response = await luna.control("/tools/execute/WITNESS_GET_echo", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text: "here" }),
      });
      return response.ok && (await response.text()).includes("here");
    },
    { what: "the extension's tool to answer" },
  );
}

/** Files of a folder and below, sockets and links left out. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Which files hold one of `secrets`, as `path: name`. */
function copiesIn(folder: string, secrets: Readonly<Record<string, string>>): string[] {
  return filesIn(folder).flatMap((path) => {
    const text = readFileSync(path, "latin1");
    const found = Object.entries(secrets).filter(([, secret]) => text.includes(secret));
    return found.map(([name]) => `${path.slice(folder.length + 1)}: ${name}`);
  });
}

/** Which command lines of these processes hold one of `secrets`. */
function commandLinesWith(pids: readonly number[], secrets: readonly string[]): string[] {
  const lines = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  return lines.filter((line) => secrets.some((secret) => line.includes(secret)));
}

const TCP_LISTEN = "0A";
const LOOPBACK = /^(0100007F|00000000000000000000000001000000|0000000000000000FFFF00000100007F):/;

/** Addresses beyond loopback on which one of these processes listens. */
function publicListeners(pids: readonly number[]): string[] {
  const inodes = new Set(
    pids.flatMap((pid) =>
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
        } catch {
          return [];
        }
      }),
    ),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "latin1")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = ""]) => state === TCP_LISTEN && inodes.has(inode))
      .flatMap(([, address = ""]) => (LOOPBACK.test(address) ? [] : [address])),
  );
}

const pidsNow = () => [luna.pid, ...luna.processes().map(({ pid }) => pid)];

describe("extensions' code", () => {
  test("S18 runs in a process of its own, with its own secrets alone", async () => {
    await callWitness();
    const seen = witnesses("witness");
    expect(seen.length).toBeGreaterThan(0);
    const services = Object.values((await luna.state()).services);
    const core = [luna.pid, (await luna.state()).supervisor.pid];
    core.push(
      ...services.flatMap(({ kind, pid }) => (kind === "core" && pid !== null ? [pid] : [])),
    );
    for (const { pid, command, environment } of seen) {
      expect(core).not.toContain(pid);
      expect(command.join(" ")).toContain("tool-host");
      const values = Object.values(environment).join("\n");
      for (const secret of Object.values(luna.credentials)) expect(values).not.toContain(secret);
      expect(values).not.toContain(UNASKED_SECRET);
    }
    const called = seen.find(({ environment }) => environment["WITNESS_SECRET"] !== undefined);
    expect(called?.environment["WITNESS_SECRET"]).toBe(WITNESS_SECRET);
  });

  test("S18 of an extension that is switched off does not run at all", async () => {
    await callWitness();
    expect(witnesses("witness").length).toBeGreaterThan(0);
    expect(witnesses("sleeper")).toEqual([]);
  });

  test("3.4-5 gets no variable that changes what a program runs", async () => {
    await callWitness();
    const odd = /^(LD_|NODE_OPTIONS|BUN_OPTIONS|BUN_BE_BUN|PYTHON|GIT_|BASH_ENV|ENV$|IFS)/;
    for (const { environment } of witnesses("witness")) {
      expect(Object.keys(environment).filter((name) => odd.test(name))).toEqual([]);
    }
    // `luna up` itself was given one.
    expect(readFileSync(`/proc/${luna.pid}/environ`, "latin1")).toContain("LD_BIND_NOW");
  });
});

describe("secrets", () => {
  test("S16 .env is read, never executed", async () => {
    expect(ran(TMP)).toEqual([]);
    const shell = await mkdtemp(join(tmpdir(), "luna-shell-"));
    await writeFile(join(shell, ".env"), hostileEnv(shell));
    await Bun.spawn(["sh", "-c", ". ./.env"], { cwd: shell, stderr: "ignore" }).exited;
    expect(ran(shell).length).toBeGreaterThan(2);
    await rm(shell, { recursive: true, force: true });
  });

  test("S16, GHSA-97rm-xj73-33jh, GHSA-qwp8-x4ff-5h87 a value cannot become another variable", async () => {
    const folder = await mkdtemp(join(tmpdir(), "luna-env-"));
    const values = [
      "a\nPLANTED=1",
      'a"\nPLANTED=1\n"',
      "a'\nPLANTED=1",
      "a\r\nPLANTED=1",
      "$(id)`id`",
    ];
    for (const value of values) {
      const path = join(folder, ".env");
      await writeFile(path, "BEFORE=1\n");
      const file = new EnvFile(path);
      // A value that cannot be written is refused, which is as good.
      const isSet = await file.set({ TARGET: value }).then(
        () => true,
        () => false,
      );
      const read = await file.read();
      expect(read["PLANTED"]).toBeUndefined();
      expect(read["BEFORE"]).toBe("1");
      if (isSet) expect(read["TARGET"]).toBe(value);
      await writeFile(path, `TARGET=${value}\n`);
    }
    await writeFile(join(folder, ".env"), `TARGET=${values[0]}\n`);
    expect((await new EnvFile(join(folder, ".env")).read())["PLANTED"]).toBe("1");
    await rm(folder, { recursive: true, force: true });
  });

  const set = (key: string, value: string) =>
    luna.control("/keys/set", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key, value }),
    });

  test("S16, 3.4-5 a key of a client's changes no other key, and not what a program runs", async () => {
    const odd =
      "PATH HOME IFS ENV BASH_ENV LD_PRELOAD LD_LIBRARY_PATH NODE_OPTIONS NODE_PATH".split(" ");
    odd.push(
      ..."BUN_OPTIONS BUN_BE_BUN PYTHONPATH GIT_SSH_COMMAND DOCKER_HOST HTTPS_PROXY".split(" "),
    );
    const env = new EnvFile(luna.paths.env);
    for (const key of odd) {
      expect((await set(key, "planted")).status).toBe(422);
      expect((await env.read())[key]).toBeUndefined();
    }
    for (const key of ["A B", "A=B", "A\nB", "$(id)", "a-b", ""]) {
      expect((await set(key, "planted")).status).toBe(422);
    }
    await set("HARMLESS", "a\nPLANTED=1");
    expect((await env.read())["PLANTED"]).toBeUndefined();
    expect((await set("HARMLESS", "value")).status).toBe(200);
    expect((await env.read())["HARMLESS"]).toBe("value");
    // Written as it came, it would be another variable.
    const folder = await mkdtemp(join(tmpdir(), "luna-env-"));
    await writeFile(join(folder, ".env"), `HARMLESS=${"a\nPLANTED=1"}\n`);
    expect((await new EnvFile(join(folder, ".env")).read())["PLANTED"]).toBe("1");
    await rm(folder, { recursive: true, force: true });
  });

  test("S22 are in no log, no output and no command line", async () => {
    await callWitness();
    const secrets = { ...luna.credentials, WITNESS_SECRET, UNASKED_SECRET };
    const logs = luna.paths.logs;
    expect(filesIn(logs).length).toBeGreaterThan(3);
    expect(copiesIn(logs, secrets)).toEqual([]);
    for (const secret of Object.values(secrets)) expect(luna.output()).not.toContain(secret);
    expect(commandLinesWith(pidsNow(), Object.values(secrets))).toEqual([]);
    const talkative = Bun.spawn(["sh", "-c", "sleep 30; :", luna.credentials.agentKey]);
    await until(() => commandLinesWith([talkative.pid], Object.values(secrets)).length === 1, {
      what: "the planted secret to be found",
    });
    talkative.kill();
    await talkative.exited;
  });

  test("S23, 3.4-7 are in one file, and every file is its owner's alone", async () => {
    await callWitness();
    const secrets = { ...luna.credentials, WITNESS_SECRET, UNASKED_SECRET };
    // The witness writes down what it is given: that is its purpose, and how this probe is seen to work.
    const copies = copiesIn(luna.home, secrets).filter((copy) => !copy.startsWith("witness.jsonl"));
    expect(copies.filter((copy) => !copy.startsWith(".env:"))).toEqual([]);
    expect(copies.length).toBeGreaterThan(3);
    expect(copiesIn(luna.home, secrets).some((copy) => copy.startsWith("witness.jsonl"))).toBe(
      true,
    );

    const open = (paths: string[]) => paths.filter((path) => (statSync(path).mode & 0o077) !== 0);
    expect(open([luna.paths.env, luna.paths.luna])).toEqual([]);
    const planted = join(luna.home, "planted");
    await writeFile(planted, "");
    await chmod(planted, 0o644);
    expect(open([planted])).toEqual([planted]);
    await rm(planted);
  });

  test("S24 are told to a browser by no list", async () => {
    const session = await luna.signIn();
    const page = await luna.pageToken(session);
    const created = await luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "listed" }),
    });
    const key = z.object({ api_key: z.string() }).parse(await created.json()).api_key;
    const secrets = [...Object.values(luna.credentials), key, WITNESS_SECRET, UNASKED_SECRET];
    const read = async (path: string, more: Record<string, string> = {}) => {
      const headers = { Cookie: session, ...more };
      return (await fetch(`${luna.url}/api/supervisor${path}`, { headers })).text();
    };
    const document = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(JSON.parse(await read("/openapi.json")));
    const lists = Object.entries(document.paths).flatMap(([path, methods]) =>
      "get" in methods && !path.includes("{") && path !== "/live" ? [path] : [],
    );
    expect(lists.length).toBeGreaterThan(8);
    const told: string[] = [];
    for (const path of lists) {
      const body = await read(path);
      if (secrets.some((secret) => body.includes(secret))) told.push(path);
    }
    expect(told).toEqual([]);
    // The one that is there to tell a secret does it for the Hub's own page.
    const shown = await read("/agents/api-key", { "X-Luna-Page": page, Origin: luna.url });
    expect(shown).toContain(luna.credentials.agentKey);
  });
});

describe("what the machine sees of Luna", () => {
  test("A4, CVE-2026-34205 everything listens on loopback alone", async () => {
    await until(async () =>
      Object.values((await luna.state()).services).some(({ kind }) => kind === "ui"),
    );
    const pids = pidsNow();
    expect(pids.length).toBeGreaterThan(6);
    expect(publicListeners(pids)).toEqual([]);
    const stray = Bun.spawn(
      [
        process.execPath,
        "-e",
        'Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response() }); console.log("up")',
      ],
      { stdout: "pipe", stderr: "ignore" },
    );
    await until(() => publicListeners([stray.pid]).length === 1, { what: "the stray listener" });
    stray.kill();
    await stray.exited;
  });

  test("S15 nothing of it runs from a folder that others may write to", async () => {
    expect(filesIn(TMP)).toEqual([]);
    const programs = pidsNow().map((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"),
    );
    const outside = programs.flat().filter((word) => word.startsWith(TMP));
    expect(outside).toEqual([]);
    await writeFile(join(TMP, "planted"), "");
    expect(filesIn(TMP)).toHaveLength(1);
    await rm(join(TMP, "planted"));
  });

  test("S25 the unit for a server gives it no more than it needs", async () => {
    const wanted = [
      /^NoNewPrivileges=yes$/m,
      /^ProtectSystem=strict$/m,
      /^RestrictSUIDSGID=yes$/m,
      /^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m,
      /^UMask=0077$/m,
    ];
    const missing = (unit: string) => wanted.filter((line) => !line.test(unit)).length;
    const { stdout } = await luna.run("unit", "--system");
    expect(missing(stdout)).toBe(0);
    expect(stdout).not.toMatch(/docker|SupplementaryGroups/i);
    expect(missing(stdout.replace("NoNewPrivileges=yes", ""))).toBe(1);
  });

  test("3.4-4 the program takes nothing from the folder it is started in", async () => {
    const folder = await mkdtemp(join(tmpdir(), "luna-cwd-"));
    await mkdir(join(folder, "home"));
    await writeFile(join(folder, ".env"), "LUNA_PORT_OFFSET=nonsense\n");
    await writeFile(join(folder, "bunfig.toml"), 'preload = ["./planted.ts"]\n');
    await writeFile(
      join(folder, "planted.ts"),
      'require("node:fs").writeFileSync("ran-preload", "")',
    );
    await writeFile(join(folder, "main.ts"), "console.log(process.env.LUNA_PORT_OFFSET)");
    const child = Bun.spawn([BINARY, "version"], {
      cwd: folder,
      env: { PATH: "/usr/bin:/bin", LUNA_HOME: join(folder, "home") },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
    expect(ran(folder)).toEqual([]);
    const bun = Bun.spawn([process.execPath, "main.ts"], { cwd: folder, stdout: "pipe" });
    expect(await new Response(bun.stdout).text()).toBe("nonsense\n");
    expect(ran(folder)).toEqual(["ran-preload"]);
    await rm(folder, { recursive: true, force: true });
  });

  test("CVE-2025-8022 a word of the user's is never an option", async () => {
    const { code, stderr } = await runLuna(["stop", "--help=x"], luna.environment);
    expect(code).not.toBe(0);
    expect(stderr).not.toBe("");
    const named = await luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "--upload-pack=touch" }),
    });
    expect(named.status).toBe(422);
    expect((await readFile(luna.paths.masterConfig, "utf8")).includes("upload-pack")).toBe(false);
    // What would come of it: a program that is handed such a word takes it for an option.
    const listed = Bun.spawn(["ls", "--version"], { stdout: "pipe" });
    expect(await new Response(listed.stdout).text()).toContain("ls");
  });
});
