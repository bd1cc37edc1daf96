/** The compiled Luna as pid 1 of a container, where nobody else reaps, and from a terminal that people close. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOfHome, processMark } from "../../src/config/mark.ts";
import { findByVariable, sendSignal, statOf } from "../../src/lib/proc.ts";
import { BINARY, freeOffset } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const STOP_MS_MAX = 5_000;
const READY_TIMEOUT_MS = 30_000;
const SIGHUP_CODE = 129;

/** Leaves children whose parent has ended: one in another session, one that is about to end. */
const DOUBLE_FORK = "setsid sleep 600 & (sleep 0.2 &) ; exit 0";

let home = "";
let cleanUp: (() => void)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) end();
  await until(() => {
    const left = findByVariable("LUNA_PROCESS_ID", isOfHome(home));
    for (const { pid } of left) sendSignal(pid, "SIGKILL");
    return left.length === 0;
  });
  cleanUp = [];
  await rm(home, { recursive: true, force: true });
});

async function environmentOf(): Promise<Record<string, string>> {
  home = await mkdtemp(join(tmpdir(), "luna-init-"));
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    LUNA_HOME: home,
    LUNA_PORT_OFFSET: String(freeOffset()),
  };
}

const ours = () => findByVariable("LUNA_PROCESS_ID", isOfHome(home));
const pidsOf = (name: string): number[] =>
  findByVariable("LUNA_PROCESS_ID", (mark) => mark === processMark(home, name)).map(
    ({ pid }) => pid,
  );
const pidOf = (name: string): number => pidsOf(name)[0] ?? 0;

/** Pids, as this machine counts, in the pid namespace of `pid`; a zombie has no other trace of it left. */
function namespaceOf(pid: number): number[] {
  const nested = (one: number | string): string[] => {
    const line = /^NSpid:\s+(.+)$/m.exec(readFileSync(`/proc/${one}/status`, "utf8"));
    return line?.[1]?.split(/\s+/) ?? [];
  };
  const depth = nested(pid).length;
  expect(depth).toBeGreaterThan(nested("self").length);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return nested(name).length === depth && isBelow(Number(name), pid);
      } catch {
        return false; // It has ended meanwhile.
      }
    })
    .map(Number);
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let one = pid; one > 1; one = statOf(one)?.parent ?? 0) if (one === ancestor) return true;
  return false;
}

const isZombie = (pid: number): boolean => statOf(pid)?.alive === false;

/** Whoever is not root becomes it in a namespace of users of its own. */
const AS_ROOT = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

const INTO_USERS = AS_ROOT.length === 0 ? [] : ["--user", "--preserve-credentials"];

/** Luna as pid 1: `unshare` gives it a namespace of processes, and ends with its exit code. */
async function startAsInit(script: (luna: string) => string) {
  const environment = await environmentOf();
  const container = Bun.spawn(
    [
      "unshare",
      ...AS_ROOT,
      "--pid",
      "--fork",
      "--mount-proc",
      "sh",
      "-c",
      script(`exec ${BINARY} up`),
    ],
    { cwd: home, env: environment, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  let output = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of container.stdout) output += decoder.decode(chunk, { stream: true });
  })();
  const init = await until(
    () => readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim(),
    { what: "the container's pid 1" },
  );
  cleanUp.push(() => {
    sendSignal(Number(init), "SIGKILL");
    container.kill("SIGKILL");
  });
  await until(() => output.includes("Ready in"), {
    timeoutMs: READY_TIMEOUT_MS,
    what: "Luna to be ready",
  });
  return { container, init: Number(init) };
}

test("as pid 1 it reaps whatever ends, goes on, and ends the container with 0", async () => {
  const { container, init } = await startAsInit((luna) => luna);
  expect(readFileSync(`/proc/${init}/cmdline`, "utf8")).toStartWith(BINARY);
  const killed = ["supervisor", "agent", "hub"].map((name) => ({ name, pid: pidOf(name) }));
  for (const { name, pid } of killed) {
    expect(pid).toBeGreaterThan(0);
    // The supervisor goes first: the others then are nobody's children but pid 1's.
    sendSignal(pid, "SIGKILL");
    await until(() => pidsOf(name).some((one) => one !== pid), { what: `another ${name}` });
  }
  await until(() => killed.every(({ pid }) => statOf(pid) === undefined), {
    what: "every killed process to be reaped",
  });
  const all = namespaceOf(init);
  expect(all).toContain(pidOf("auth"));
  await until(() => namespaceOf(init).every((pid) => !isZombie(pid)), { what: "no zombie" });

  const began = performance.now();
  sendSignal(init, "SIGTERM");
  expect(await container.exited).toBe(0);
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
  expect(all.filter((pid) => statOf(pid)?.alive)).toEqual([]);
  expect(existsSync(join(home, ".luna/lock"))).toBe(false);
});

test("as pid 1 it reaps double-forked processes, also those from before its own time", async () => {
  const { container, init } = await startAsInit((luna) => `(${DOUBLE_FORK}) & ${luna}`);
  // The children of a process of the container whose parent ends are pid 1's too.
  const enter = [
    "nsenter",
    "--target",
    String(init),
    ...INTO_USERS,
    "--pid",
    "--mount",
    "sh",
    "-c",
    DOUBLE_FORK,
  ];
  expect(await Bun.spawn(enter, { stdin: "ignore", stdout: "ignore" }).exited).toBe(0);
  const sleepers = await until(
    () => {
      const found = namespaceOf(init).filter((pid) =>
        readFileSync(`/proc/${pid}/cmdline`, "latin1")
          .replaceAll("\0", " ")
          .startsWith("sleep 600"),
      );
      return found.length === 2 && found.every((pid) => statOf(pid)?.parent === init)
        ? found
        : undefined;
    },
    { what: "both orphans to be children of pid 1" },
  );
  for (const pid of sleepers) sendSignal(pid, "SIGKILL");
  await until(() => sleepers.every((pid) => statOf(pid) === undefined), {
    what: "the orphans to be reaped",
  });
  await until(() => namespaceOf(init).every((pid) => !isZombie(pid)), { what: "no zombie" });
  sendSignal(init, "SIGTERM");
  expect(await container.exited).toBe(0);
});

test("outside a container it is the parent of orphans, and reaps them", async () => {
  const environment = await environmentOf();
  const luna = Bun.spawn([BINARY, "up"], {
    cwd: home,
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanUp.push(() => luna.kill("SIGKILL"));
  await until(() => pidOf("agent") > 0 && pidOf("auth") > 0, { what: "two parts" });
  const [supervisor, auth] = [pidOf("supervisor"), pidOf("auth")];
  sendSignal(supervisor, "SIGKILL");
  await until(() => statOf(auth)?.parent === luna.pid, { what: "auth to be a child of luna up" });
  sendSignal(auth, "SIGKILL");
  await until(() => statOf(auth) === undefined && statOf(supervisor) === undefined, {
    what: "both to be reaped",
  });
  luna.kill("SIGTERM");
  expect(await luna.exited).toBe(0);
});

/** Luna, run from a shell in a terminal as a person runs it. */
async function startInTerminal() {
  const environment = await environmentOf();
  let output = "";
  const decoder = new TextDecoder();
  const shell = Bun.spawn(["bash", "--norc", "--noprofile", "-i"], {
    cwd: home,
    env: { ...environment, TERM: "dumb" },
    terminal: {
      cols: 200,
      data: (_terminal, bytes) => {
        output += decoder.decode(bytes, { stream: true });
      },
    },
  });
  cleanUp.push(() => shell.kill("SIGKILL"));
  shell.terminal?.write(`${BINARY} up; echo "ended with $?"\n`);
  await until(() => output.includes("Ready in"), {
    timeoutMs: READY_TIMEOUT_MS,
    what: "Luna to be ready",
  });
  expect(ours().length).toBeGreaterThan(1);
  const { pid } = JSON.parse(readFileSync(join(home, ".luna/lock"), "utf8"));
  return { shell, pid: Number(pid), output: () => output };
}

test("Ctrl-C at the terminal stops all of it, and gives the shell back", async () => {
  const { shell, output } = await startInTerminal();
  const began = performance.now();
  shell.terminal?.write("\x03");
  await until(() => /ended with \d+/.test(output()), { what: "the shell's next command" });
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
  expect(output()).toContain("ended with 0");
  expect(output()).toContain("nothing is left running");
  expect(ours()).toEqual([]);
  expect(existsSync(join(home, ".luna/lock"))).toBe(false);
});

test("closing the terminal leaves nothing", async () => {
  const { shell, pid } = await startInTerminal();
  expect(readlinkSync(`/proc/${pid}/fd/1`)).toContain("/dev/pts/");
  const began = performance.now();
  shell.terminal?.close();
  await until(() => statOf(pid)?.alive !== true && ours().length === 0, {
    what: "all of Luna to end",
  });
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
  expect(existsSync(join(home, ".luna/lock"))).toBe(false);
  expect([SIGHUP_CODE, null]).toContain(await shell.exited.then(() => shell.exitCode));
});
