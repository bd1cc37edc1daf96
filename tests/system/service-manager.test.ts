/** The compiled Luna under a service manager: what systemd's notification socket is told, and when. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOfHome, processMark } from "../../src/config/mark.ts";
import { StateFile } from "../../src/contract/process.ts";
import { findByVariable, sendSignal } from "../../src/lib/proc.ts";
import { type DatagramReceiver, receiveDatagrams } from "../support/datagram-receiver.ts";
import { BINARY, freeOffset } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const CORE = ["auth", "agent", "mcp", "hub", "caddy"];
/** Short, so that a few beats are soon seen. */
const WATCHDOG_US = 1_000_000;
const BEATS = 4;

const ABSTRACT_NAME = `@luna-test-${process.pid}-${crypto.randomUUID()}`;
const FOR_LUNA_ALONE = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"];

let home: string;
let receiver: DatagramReceiver;
let luna: Bun.Subprocess<"ignore", "pipe", "inherit">;
let output = "";

const state = async (): Promise<StateFile> =>
  StateFile.parse(JSON.parse(await readFile(join(home, ".luna/state.json"), "utf8")));
const isOurs = (mark: string): boolean => isOfHome(home)(mark);
const supervisors = () =>
  findByVariable("LUNA_PROCESS_ID", (mark) => mark === processMark(home, "supervisor"));
const fieldsOf = (message: string): Record<string, string> =>
  Object.fromEntries(message.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
const told = () => receiver.messages().map(fieldsOf);
const beats = (): number => told().filter(({ WATCHDOG }) => WATCHDOG === "1").length;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-notify-"));
  receiver = receiveDatagrams(ABSTRACT_NAME);
  luna = Bun.spawn([BINARY, "up"], {
    cwd: home,
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(freeOffset()),
      NOTIFY_SOCKET: ABSTRACT_NAME,
      WATCHDOG_USEC: String(WATCHDOG_US),
      SYSTEMD_EXEC_PID: "1",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of luna.stdout) output += decoder.decode(chunk, { stream: true });
  })();
});

afterAll(async () => {
  luna.kill("SIGKILL");
  await until(() => {
    const left = findByVariable("LUNA_PROCESS_ID", isOurs);
    for (const { pid } of left) sendSignal(pid, "SIGKILL");
    return left.length === 0;
  });
  receiver.close();
  await rm(home, { recursive: true, force: true });
});

describe("a service manager", () => {
  test("is told READY once, when every part runs, and before that what goes on", async () => {
    await until(() => told().some(({ READY }) => READY === "1"), {
      timeoutMs: 30_000,
      what: "READY=1",
    });
    const { services } = await state();
    for (const name of CORE) expect(services[name]?.status).toBe("running");
    const all = told();
    const ready = all.findIndex(({ READY }) => READY === "1");
    expect(ready).toBeGreaterThan(0);
    for (const { STATUS, EXTEND_TIMEOUT_USEC } of all.slice(0, ready)) {
      expect(STATUS).toStartWith("Starting");
      expect(Number(EXTEND_TIMEOUT_USEC)).toBeGreaterThan(0);
    }
    expect(all[ready]?.["STATUS"]).toMatch(/^(\d+) of \1 parts run at http:/);
    expect(all.filter(({ READY }) => READY !== undefined).length).toBe(1);
  });

  test("gets its heartbeat, more often than it asks for", async () => {
    const before = beats();
    const began = performance.now();
    await until(() => beats() >= before + BEATS, { what: "more beats" });
    const meanUs = ((performance.now() - began) * 1_000) / BEATS;
    expect(meanUs).toBeLessThan(WATCHDOG_US);
  });

  test("gets none while the supervisor does not answer, and hears why", async () => {
    const pid = supervisors()[0]?.pid ?? 0;
    sendSignal(pid, "SIGSTOP");
    try {
      const silence = await until(
        () => {
          const index = told().findLastIndex(({ STATUS }) => STATUS?.includes("does not answer"));
          return index > 0 ? index : undefined;
        },
        { timeoutMs: 20_000, what: "word that the supervisor does not answer" },
      );
      expect(told()[silence]).not.toHaveProperty("WATCHDOG");
    } finally {
      sendSignal(pid, "SIGCONT");
    }
    const before = beats();
    await until(() => beats() > before, { timeoutMs: 30_000, what: "the heart to beat again" });
  });

  test("is not told twice that all is ready after the supervisor was killed", async () => {
    const pid = supervisors()[0]?.pid ?? 0;
    const before = beats();
    sendSignal(pid, "SIGKILL");
    await until(() => supervisors().some((one) => one.pid !== pid) && beats() > before + 1, {
      what: "another supervisor that answers",
    });
    expect(told().filter(({ READY }) => READY !== undefined).length).toBe(1);
  });

  test("speaks to luna up alone: no other process has its variables", async () => {
    const processes = findByVariable("LUNA_PROCESS_ID", isOurs);
    expect(processes.length).toBeGreaterThan(CORE.length);
    for (const { pid } of processes) {
      const names = (await readFile(`/proc/${pid}/environ`, "utf8"))
        .split("\0")
        .map((entry) => entry.split("=")[0] ?? "");
      expect(names).toContain("LUNA_HOME");
      for (const name of FOR_LUNA_ALONE) expect(names).not.toContain(name);
    }
  });

  test("finds no sign-in link in its log, but how to get one", () => {
    expect(output).toContain("luna login-link");
    expect(output).not.toContain("#t=");
  });

  test("is told STOPPING at SIGTERM, and nothing of a start or a beat after it", async () => {
    const before = told().length;
    luna.kill("SIGTERM");
    expect(await luna.exited).toBe(0);
    const last = told().slice(before);
    const stopping = last.findIndex(({ STOPPING }) => STOPPING === "1");
    expect(last[stopping]?.["STATUS"]).toBe("Stopping");
    expect(last.length).toBe(stopping + 1);
    expect(findByVariable("LUNA_PROCESS_ID", isOurs)).toEqual([]);
  });
});
