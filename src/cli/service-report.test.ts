/** What the service manager is told in each state of Luna, with a manager that listens and one that is busy. */
import { afterEach, expect, test } from "bun:test";
import { until } from "../../tests/support/until.ts";
import type { Overview } from "../contract/process.ts";
import { UnavailableError } from "../lib/errors.ts";
import { ServiceReport, statusText } from "./service-report.ts";

type Part = Pick<Overview["processes"][number], "name" | "kind" | "status" | "last_exit">;

const part = (name: string, status: Part["status"], last_exit: string | null = null): Part => ({
  name,
  kind: name === "notes" ? "tool-host" : "core",
  status,
  last_exit,
});
const overview = (phase: Overview["phase"], ...processes: Part[]) => ({
  phase,
  public_url: "http://127.0.0.1:8443",
  processes,
});

const CASES = [
  [undefined, false, "Starting"],
  [undefined, true, "Degraded: the supervisor does not answer"],
  [
    overview("starting", part("auth", "running"), part("hub", "starting")),
    false,
    "Starting: 1 of 2 parts run",
  ],
  [
    overview("running", part("auth", "running"), part("notes", "exited")),
    true,
    "1 of 1 parts run at http://127.0.0.1:8443",
  ],
  [
    overview("running", part("auth", "fatal", "exit code 1"), part("hub", "backoff")),
    true,
    "Degraded: auth fatal (exit code 1), hub backoff",
  ],
] as const;

for (const [one, wasReady, text] of CASES) {
  test(`it is said: ${text}`, () => expect(statusText(one, wasReady)).toBe(text));
}

let report: ServiceReport | undefined;
afterEach(() => report?.stopping());

type Message = Readonly<Record<string, string | number>>;

/** A report whose supervisor answers with what `look` returns. */
function reportOf(
  look: () => Pick<Overview, "phase" | "public_url"> & { processes: Part[] },
  takes = () => true,
) {
  const told: Message[] = [];
  report = new ServiceReport({
    watchdogMs: 20,
    notify: (message) => {
      told.push(message);
      return takes();
    },
  });
  report.follow({ overview: async () => look() });
  report.begin();
  return told;
}

test("a part that cannot run keeps nobody from being ready", async () => {
  const told = reportOf(() => overview("running", part("auth", "fatal", "exit code 1")));
  await until(() => told.length > 0);
  expect(told[0]).toEqual({ READY: 1, WATCHDOG: 1, STATUS: "Degraded: auth fatal (exit code 1)" });
});

test("READY is said until the manager took it, and not again", async () => {
  let refusals = 2;
  const told = reportOf(
    () => overview("running", part("auth", "running")),
    () => --refusals < 0,
  );
  await until(() => told.length > 4);
  expect(told.map(({ READY }) => READY).slice(0, 4)).toEqual([1, 1, 1, undefined]);
});

test("no heart beats while the supervisor does not answer, whatever is wrong with it", async () => {
  const answers = [
    () => overview("running", part("auth", "running")),
    () => {
      throw new UnavailableError("Cannot reach Luna");
    },
    () => {
      throw new SyntaxError("half an answer");
    },
    () => overview("running", part("auth", "running")),
  ];
  const told = reportOf(() => (answers.shift() ?? (() => overview("running")))());
  await until(() => told.length >= 4);
  expect(told.map(({ WATCHDOG }) => WATCHDOG).slice(0, 4)).toEqual([1, undefined, undefined, 1]);
});

test("nothing is said after STOPPING, which is said once", async () => {
  const told = reportOf(() => overview("running", part("auth", "running")));
  await until(() => told.length > 2);
  report?.stopping();
  report?.stopping();
  const count = told.length;
  expect(told.at(-1)).toEqual({ STOPPING: 1, STATUS: "Stopping" });
  expect(told.filter(({ STOPPING }) => STOPPING === 1).length).toBe(1);
  // Longer than several pauses of a report that goes on.
  const began = performance.now();
  await until(() => performance.now() - began > 100);
  expect(told.length).toBe(count);
});
