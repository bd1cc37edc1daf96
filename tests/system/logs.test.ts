/** Logs of the compiled Luna: rotated under a service that knows nothing of it, and read in every way there is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { LogLine, LogPage } from "../../src/contract/logs.ts";
import { LiveMessage } from "../../src/contract/process.ts";
import { findByVariable, sendSignal } from "../../src/lib/proc.ts";
import { linesForward } from "../../src/log-files/lines.ts";
import { LogFile } from "../../src/log-files/log-file.ts";
import { placeOf, rotatedFiles } from "../../src/log-files/place.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const LINES = 200_000;
const SERVICE = "writer__service_lines";
const SECRET = "sk-planted-in-a-log-line";

/** Writes half of its lines at once and half when it is told to, then a plain one that looks like a key now and then. */
const WRITER = `
import { existsSync, writeSync } from "node:fs";
let next = 0;
const write = (count) => {
  for (const end = next + count; next < end; next += 1) {
    const time = new Date().toISOString();
    writeSync(1, JSON.stringify({ time, level: "info", message: "line", n: next }) + "\\n");
  }
};
write(${LINES / 2});
while (!existsSync("go")) await Bun.sleep(10);
write(${LINES / 2});
writeSync(2, "error: ${SECRET}\\n");
for (;;) await Bun.sleep(60_000);
`;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna({
    files: {
      "extensions/writer/config.json": JSON.stringify({ name: "writer", description: "Writes" }),
      "extensions/writer/services/lines/start.sh": "#!/bin/sh\nexec bun writer.mjs\n",
      "extensions/writer/services/lines/writer.mjs": WRITER,
      ".luna/master_config.json": JSON.stringify({
        logs: { file_bytes_max: 1_048_576, files_kept: 100 },
      }),
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

const rotated = () => rotatedFiles(placeOf(luna.paths.logs, SERVICE)).length;

/** The numbers of the service's lines, read from the files. */
function numbersInFiles(): number[] {
  const numbers: number[] = [];
  for (const { text } of linesForward(new LogFile(luna.paths.logs, SERVICE), 0)) {
    const number = /"n":(\d+)/.exec(text)?.[1];
    if (number !== undefined) numbers.push(Number(number));
  }
  return numbers;
}

async function getPage(query: string): Promise<LogPage> {
  const response = await luna.control(`/logs?${query}`);
  const body = await response.json();
  expect(body).not.toHaveProperty("error");
  return LogPage.parse(body);
}

/** A live socket as the Hub has it: through Caddy, with a session. */
async function openLive(onMessage: (message: LiveMessage) => void): Promise<WebSocket> {
  const headers = { Cookie: await luna.signIn(), Origin: luna.url };
  const url = `${luna.url.replace("http", "ws")}/api/supervisor/live`;
  // The browser's type of the constructor, which is in force here, knows no headers.
  const socket: WebSocket = Reflect.construct(WebSocket, [url, { headers }]);
  socket.onmessage = ({ data }) => onMessage(LiveMessage.parse(JSON.parse(String(data))));
  await until(() => socket.readyState === WebSocket.OPEN, { what: "the live socket" });
  return socket;
}

test(
  "200,000 lines across rotations and a killed supervisor are each there once, for followers too",
  async () => {
    const child = Bun.spawn([BINARY, "logs", SERVICE, "-f", "--json", "--since", "1h"], {
      env: luna.environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const followed = (async () => {
      const numbers: number[] = [];
      let rest = "";
      const decoder = new TextDecoder();
      for await (const chunk of child.stdout) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const { fields, level } = LogLine.parse(JSON.parse(line));
          if (level === "error") return numbers;
          numbers.push(Number(fields?.["n"]));
        }
      }
      return numbers;
    })();
    await until(() => rotated() > 0, { timeoutMs: TIMEOUT_MS, what: "a rotation" });
    const { supervisor } = await luna.state();
    sendSignal(supervisor.pid, "SIGKILL");
    await Bun.write(join(luna.home, "extensions/writer/services/lines/go"), "");
    const before = rotated();
    await until(() => rotated() > before, { timeoutMs: TIMEOUT_MS, what: "another rotation" });
    await until(() => numbersInFiles().at(-1) === LINES - 1, {
      timeoutMs: TIMEOUT_MS,
      what: "the last line",
    });
    const expected = Array.from({ length: LINES }, (_, index) => index);
    expect(numbersInFiles()).toEqual(expected);
    // A follower may be too slow, and then says so; what it shows it shows once, and in order.
    const shown = await followed;
    expect(shown.length).toBeGreaterThan(LINES / 100);
    expect(shown).toEqual([...new Set(shown)].sort((one, other) => one - other));
    await until(() => child.exitCode !== null, { what: "luna logs -f to end" });
    expect((await luna.state()).supervisor.pid).not.toBe(supervisor.pid);
  },
  2 * TIMEOUT_MS,
);

test("the API pages by cursor, filters, and leaves keys out", async () => {
  const newest = await getPage(`names=${SERVICE}&limit=50&level=info`);
  expect(newest.lines.at(-1)).toMatchObject({ level: "error", message: "error: [redacted]" });
  const older = await getPage(`names=${SERVICE}&limit=50&before=${newest.cursor}`);
  expect(older.lines.map(({ fields }) => fields?.["n"])).toEqual(
    Array.from({ length: 50 }, (_, index) => LINES - 99 + index),
  );
  expect((await getPage(`names=${SERVICE}&after=${newest.cursor}`)).lines).toEqual([]);
  const found = await getPage(`names=${SERVICE},auth&grep=${encodeURIComponent('"n":12345\\b')}`);
  expect(found.lines.map(({ fields }) => fields?.["n"])).toEqual([12_345]);
  for (const [query, status] of [
    ["names=nobody", 404],
    ["grep=(", 422],
    ["after=nonsense", 422],
    ["limit=0", 422],
    ["unknown=1", 422],
  ] as const) {
    expect([query, (await luna.control(`/logs?${query}`)).status]).toEqual([query, status]);
  }
});

test("a pattern that takes for ever holds up nobody, and ends with who asked", async () => {
  const asked = new AbortController();
  // Backtracks over every way to split a line of a hundred characters in eight.
  const pattern = encodeURIComponent(`${"(.*)".repeat(8)}#$`);
  const answer = luna.control(`/logs?names=${SERVICE}&grep=${pattern}`, { signal: asked.signal });
  const isSearch = (mark: string) => mark.endsWith(":log-search");
  const searches = () => findByVariable("LUNA_PROCESS_ID", isSearch).length;
  await until(() => searches() > 0, { what: "the search" });
  expect((await luna.control("/health")).status).toBe(200);
  asked.abort();
  expect(await answer.catch(() => "aborted")).toBe("aborted");
  await until(() => searches() === 0, { what: "the search to end" });
});

test("lines come over the live socket as they are written", async () => {
  const messages: LiveMessage[] = [];
  const socket = await openLive((message) => messages.push(message));
  const batches = () => messages.flatMap((one) => (one.topic === "logs" ? [one] : []));
  socket.send("nonsense");
  await until(() => messages.some(({ topic }) => topic === "refused"));
  socket.send(JSON.stringify({ subscribe: "logs", names: ["supervisor"] }));
  await until(() => batches().length === 1, { what: "the cursor" });
  expect(batches()[0]).toMatchObject({ lines: [], gap: 0 });
  expect((await luna.control("/services/agent/restart", { method: "POST" })).status).toBe(200);
  const lines = () => batches().flatMap((batch) => batch.lines);
  await until(() => lines().some(({ message }) => message.includes("agent")), {
    what: "a line about the agent",
  });
  expect(new Set(lines().map(({ source }) => source))).toEqual(new Set(["supervisor"]));
  expect(messages.some(({ topic }) => topic === "status")).toBe(true);
  socket.close();
});

test(
  "luna logs works when Luna is down",
  async () => {
    const unknown = await luna.run("logs", "nobody");
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain("there are agent, auth, bootstrap, caddy");
    await luna.stop();
    const { code, stdout } = await luna.run("logs", "bootstrap", "supervisor", "-n", "20");
    expect(code).toBe(0);
    expect(stdout).toMatch(/supervisor {2}info {3}Stopping {2}signal=SIGTERM/);
    expect(stdout).not.toContain("\u001b");
    const last = await luna.run("logs", SERVICE, "--grep", `"n":${LINES - 1}`, "--json");
    expect(LogLine.parse(JSON.parse(last.stdout)).fields).toEqual({ n: LINES - 1 });
  },
  TIMEOUT_MS,
);
