/** Tests what `luna status` prints for people. */
import { expect, test } from "bun:test";
import type { Overview, ProcessView } from "../contract/process.ts";
import { ageText, statusText } from "./status-text.ts";

const NOW = Date.parse("2026-01-01T02:00:00.000Z");

function view(facts: Partial<ProcessView>): ProcessView {
  return {
    ...{ name: "agent", label: "Agent API", kind: "core", pid: 7, start_ticks: 1, port: 8080 },
    ...{ path: "/api/agent", status: "running", health: "healthy", last_check: null, restarts: 0 },
    ...{ started_at: "2026-01-01T00:00:00.000Z", ready_ms: 12, last_exit: null },
    next_start_at: null,
    ...facts,
  };
}

const overview: Overview = {
  ...{ version: "1.2.3", boot_id: "b", started_at: "2026-01-01T00:00:00.000Z", phase: "running" },
  ...{ public_url: "http://127.0.0.1:8443", home: "/home/luna", tool_count: 0 },
  model: { configured: false, name: null },
  processes: [
    view({ cpu_percent: 0.25, memory_bytes: 40 * 1024 ** 2, restarts: 12 }),
    view({ name: "hub", label: "Hub", path: "/", status: "fatal", last_exit: "exit code 3" }),
  ],
  problems: [
    { id: "p", severity: "error", title: "Broken", detail: "", fix: "Mend it", since: "" },
  ],
};

test("a line a process, its columns below each other, then the problems", () => {
  expect(statusText(overview, NOW)).toBe(
    [
      "Luna 1.2.3  running  http://127.0.0.1:8443",
      "      id     part       since  restarts    cpu  memory  address",
      "  ok  agent  Agent API  2 h          12  0.3 %   40 MB  http://127.0.0.1:8443/api/agent",
      "  XX  hub    Hub        fatal         0                 exit code 3",
      "",
      "Broken",
      "  Mend it",
      "",
    ].join("\n"),
  );
});

const AGES: [number, string][] = [
  [-5, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [7_199, "1 h"],
  [200_000, "2 d"],
];
for (const [seconds, text] of AGES) {
  test(`${seconds} seconds are ${text}`, () => {
    expect(ageText(seconds)).toBe(text);
  });
}
