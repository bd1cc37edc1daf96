/** Sends a tool host lines that Luna's own processes never send: each is answered or ends its connection, and nothing else. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { HostAnswer, HostCall, HostCancel, HostCompletion } from "../../src/contract/tool-call.ts";
import { currentHostSocket } from "../../src/tools/host-socket.ts";
import { until } from "../support/until.ts";
import { giveOut } from "./credentials.ts";
import { contentsFor, fuzzRuns } from "./fuzz-requests.ts";
import { leaksIn } from "./leak.ts";

const { runs: RUNS, seed: SEED } = fuzzRuns({ runs: 200, seed: 20_261_126 });
const ANSWER_TIMEOUT_MS = 10_000;
const SUITE_TIMEOUT_MS = 60_000 + RUNS * 500;

/** Tools and prompts that are there, and what never is, in place of any text. */
const NAMES = ["NOTES_GET_all", "NOTES_UPDATE_create", "__proto__", ""];

const shapeOf = (schema: z.ZodType) => {
  const shape = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const named = { ...shape.properties, name: { enum: NAMES } };
  return { ...shape, properties: "name" in (shape.properties ?? {}) ? named : shape.properties };
};

const WORDS = { call: HostCall, answer: HostAnswer, cancel: HostCancel, complete: HostCompletion };

const contents = fc.oneof(
  ...Object.entries(WORDS).map(([word, schema]) =>
    contentsFor(shapeOf(schema)).map((content) => ({ word, content })),
  ),
  contentsFor({ type: "object" }).chain((content) =>
    fc
      .constantFrom("gone", "__proto__", "CALL", "", "a b", "x".repeat(5_000))
      .map((word) => ({ word, content })),
  ),
);

const numbers = fc.oneof(
  { weight: 6, arbitrary: fc.constant("7") },
  { weight: 1, arbitrary: fc.constantFrom("", "-1", "1e999", "NaN", "0x10", "é", "\u0000") },
);

/** A line has neither status nor headers. */
const NO_HTTP = { status: 0, head: "", headers: new Headers() };

/** Sends one line over a connection of its own; resolves with all that comes back until an end, or until it is closed. */
function exchange(path: string, line: Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect(path, () => socket.write(line));
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
    reject(new Error(`Neither an answer nor an end: ${line.toString().slice(0, 200)}`));
    socket.destroy();
  });
  const end = (): void => {
    socket.destroy();
    resolve(text);
  };
  socket.setEncoding("utf8");
  socket.on("data", (piece) => {
    text += String(piece);
    if (/^\S+ (?:end|refused|forgotten) .*\n/m.test(text)) end();
  });
  socket.on("error", end);
  socket.on("close", end);
  return promise;
}

test(
  "what Luna's own processes never send to a tool host",
  async () => {
    process.stderr.write(`fuzz of a tool host: seed ${SEED}, ${RUNS} lines\n`);
    await using stack = new AsyncDisposableStack();
    const given = await giveOut({});
    const { luna } = given;
    stack.defer(async () => {
      await luna.stop();
      await luna.remove();
    });
    const call = () =>
      luna.control("/tools/execute/NOTES_GET_all", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
    await until(async () => (await call()).ok);
    const path = join(luna.paths.run, "notes.sock");
    const pid = currentHostSocket(path)?.pid;
    expect(pid).toBeNumber();

    const counts = { answered: 0, refused: 0, closed: 0 };
    const line = fc.record({ number: numbers, one: contents });
    for (const { number, one } of fc.sample(line, { seed: SEED, numRuns: RUNS })) {
      const sent = Buffer.concat([
        Buffer.from(`${number} ${one.word} `),
        Buffer.from(one.content),
        // Nobody is told that a caller is gone, so what is no line follows, which ends the connection.
        Buffer.from(one.word === "gone" ? "\n-\n" : "\n"),
      ]);
      const answer = await exchange(path, sent);
      const leaks = leaksIn({ ...NO_HTTP, body: answer }, given);
      expect({ sent, leaks }).toEqual({ sent, leaks: [] });
      if (answer === "") counts.closed += 1;
      else if (/ end /.test(answer)) counts.answered += 1;
      else counts.refused += 1;
    }
    // It saw all three.
    expect(Object.values(counts).filter((count) => count < RUNS / 50)).toEqual([]);
    expect((await call()).status).toBe(200);
    expect(currentHostSocket(path)?.pid).toBe(pid);
  },
  SUITE_TIMEOUT_MS,
);
