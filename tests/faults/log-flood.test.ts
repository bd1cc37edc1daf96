/** Fault 15: one extension writes 100 MB of log a second. Its log stays within its bound, and nobody else notices. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { LogSettings } from "../../src/contract/config.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const NAME = "wild__service_flood";
const BYTES_PER_S = 100 * 1024 * 1024;
const FLOOD_MS = 8_000;
/** The rotator looks once a second, and takes a while on a machine that is busy with the flood itself. */
const LOOKS_S = 4;
const LATENCY_MS_MAX = 2_000;

/** Writes lines of a kilobyte at the rate above, as far as the disk takes them. */
const FLOOD = `
import { writeSync } from "node:fs";
const line = "x".repeat(1_000) + " flood\\n";
const chunk = line.repeat(1_024);
const began = performance.now();
for (let written = 0; ; written += chunk.length) {
  writeSync(1, chunk);
  const ahead = (written / ${BYTES_PER_S}) * 1_000 - (performance.now() - began);
  if (ahead > 5) await Bun.sleep(ahead);
}
`;

let luna: Luna | undefined;
afterEach(async () => {
  await luna?.stop();
  await luna?.remove();
});

test("fault 15: a flood of log is kept within its bound, and the others go on", async () => {
  const running = await startLuna({
    files: {
      "extensions/wild/config.json": '{"name":"wild"}',
      "extensions/wild/services/flood/start.sh": "#!/bin/sh\nexec bun flood.mjs\n",
      "extensions/wild/services/flood/flood.mjs": FLOOD,
    },
  });
  luna = running;
  const sizes = (): number =>
    readdirSync(running.paths.logs)
      .filter((name) => name.startsWith(`${NAME}.log`))
      .map((name) => statSync(join(running.paths.logs, name), { throwIfNoEntry: false }))
      // What was given back to the disk is counted no more, though the file may be as long as before.
      .reduce((sum, stats) => sum + (stats?.blocks ?? 0) * 512, 0);
  await until(() => sizes() > BYTES_PER_S / 10, { timeoutMs: 30_000, what: "the flood" });
  const before = await running.state();
  const { file_bytes_max, files_kept } = LogSettings.parse({});
  const bound = file_bytes_max * (files_kept + 1) + LOOKS_S * BYTES_PER_S;
  let most = 0;
  const latencies: number[] = [];
  for (const began = performance.now(); performance.now() - began < FLOOD_MS; ) {
    most = Math.max(most, sizes());
    const asked = performance.now();
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
    expect((await running.control("/health")).status).toBe(200);
    latencies.push(performance.now() - asked);
    await Bun.sleep(20);
  }
  const p95 = latencies.toSorted((a, b) => a - b)[Math.ceil(latencies.length * 0.95) - 1] ?? 0;
  const bytes = (value: number): string => `${Math.round(value / 1024 / 1024)} MB`;
  process.stderr.write(
    `at most ${bytes(most)} of log (bound ${bytes(bound)}); others answered in ${p95.toFixed(0)} ms (95 of 100)\n`,
  );
  expect(most).toBeLessThan(bound);
  expect(p95).toBeLessThan(LATENCY_MS_MAX);
  const after = await running.state();
  for (const name of ["auth", "agent", "mcp", "hub", "caddy", NAME]) {
    expect([name, after.services[name]?.pid]).toEqual([name, before.services[name]?.pid]);
  }
  const { stdout } = await running.run("logs", NAME, "-n", "3");
  expect(stdout.trim().split("\n")).toHaveLength(3);
  await running.control(`/services/${NAME}/stop`, { method: "POST" });
  // With the flood over, the log is back within what is kept of any.
  const kept = file_bytes_max * (files_kept + 2);
  await until(() => sizes() <= kept, { timeoutMs: 30_000, what: "the log to be within its size" });
});
