/** Messages to a service manager, received as systemd receives them. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DatagramReceiver, receiveDatagrams } from "../../tests/support/datagram-receiver.ts";
import { serviceManagerOf } from "./sd-notify.ts";

const folder = mkdtempSync(join(tmpdir(), "luna-notify-"));
const PATH_NAME = join(folder, "notify.sock");
const ABSTRACT_NAME = `@luna-test-${process.pid}-${crypto.randomUUID()}`;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

let receiver: DatagramReceiver | undefined;
afterEach(() => {
  receiver?.close();
  receiver = undefined;
  rmSync(PATH_NAME, { force: true });
});

for (const name of [PATH_NAME, ABSTRACT_NAME]) {
  test(`each message arrives whole at ${name.startsWith("@") ? "an abstract name" : "a path"}`, () => {
    receiver = receiveDatagrams(name);
    const manager = serviceManagerOf({ NOTIFY_SOCKET: name });
    expect(manager?.notify({ READY: 1, STATUS: "5 parts run ✓" })).toBe(true);
    expect(manager?.notify({ STOPPING: 1 })).toBe(true);
    expect(receiver.messages()).toEqual(["READY=1\nSTATUS=5 parts run ✓", "STOPPING=1"]);
  });
}

test("a line break in a value begins no other field", () => {
  receiver = receiveDatagrams(PATH_NAME);
  serviceManagerOf({ NOTIFY_SOCKET: PATH_NAME })?.notify({ STATUS: "agent: failed\nREADY=1\n" });
  expect(receiver.messages()).toEqual(["STATUS=agent: failed READY=1"]);
});

test("a manager that is gone, or does not read, costs nothing but the word", () => {
  const manager = serviceManagerOf({ NOTIFY_SOCKET: PATH_NAME });
  expect(manager?.notify({ READY: 1 })).toBe(false);
  receiver = receiveDatagrams(PATH_NAME);
  const MANY = 10_000;
  let sent = 0;
  while (sent < MANY && manager?.notify({ WATCHDOG: 1 })) sent += 1;
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThan(MANY);
  expect(receiver.messages().length).toBe(sent);
  expect(manager?.notify({ READY: 1 })).toBe(true);
});

test("without a unix socket nobody is told", () => {
  for (const name of [undefined, "", "vsock:2:1234", "relative", `/${"x".repeat(200)}`]) {
    expect(serviceManagerOf({ NOTIFY_SOCKET: name, WATCHDOG_USEC: "1000" })).toBeUndefined();
  }
});

test("the watchdog counts only for the process that it names", () => {
  const watchdog = (variables: Record<string, string>): number | undefined =>
    serviceManagerOf({ NOTIFY_SOCKET: PATH_NAME, ...variables })?.watchdogMs;
  expect(watchdog({})).toBeUndefined();
  expect(watchdog({ WATCHDOG_USEC: "3000000" })).toBe(3_000);
  expect(watchdog({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: String(process.pid) })).toBe(3_000);
  expect(watchdog({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" })).toBeUndefined();
  for (const wrong of ["0", "-1", "soon", ""]) {
    expect(watchdog({ WATCHDOG_USEC: wrong })).toBeUndefined();
  }
});
