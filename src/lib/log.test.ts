/** Tests of the logger: no secret gets past it in any form in which it may stand in a line. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLogger, gathered, redact } from "./log.ts";

const SECRET = 'pa"ss\\wörd & more/+=?#';

function logged(facts: Record<string, unknown>, secrets: readonly string[] = [SECRET]): string {
  const lines: string[] = [];
  createLogger("test", secrets, (line) => void lines.push(line)).info("a message", facts);
  return lines.join("");
}

test.each([
  ["itself", SECRET],
  ["JSON", JSON.stringify({ a: SECRET })],
  ["JSON within JSON", JSON.stringify({ a: JSON.stringify({ b: SECRET }) })],
  ["an address", `https://x.example/?key=${encodeURIComponent(SECRET)}`],
  ["a form", `key=${encodeURIComponent(SECRET).replaceAll("%20", "+")}`],
  ["an Authorization header", `Basic ${Buffer.from(`user:${SECRET}`).toString("base64")}`],
  ["another one", `Basic ${Buffer.from(`u:${SECRET}`).toString("base64")}`],
  ["base64 of it alone", Buffer.from(SECRET).toString("base64url")],
])("a line with the secret in %s is written without it", (_, text) => {
  const line = logged({ text });
  expect(line).toContain("[redacted]");
  for (const form of [SECRET, "wörd & more", "w%C3%B6rd", "w\\u00f6rd"]) {
    expect(line).not.toContain(form);
  }
  const encoded = /[A-Za-z0-9_+/-]{12,}/g;
  for (const [piece] of line.matchAll(encoded)) {
    expect(Buffer.from(piece, "base64").toString()).not.toContain("& more");
  }
});

test("every line of a value of several lines is left out", () => {
  const key =
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----";
  for (const line of key.split("\n")) expect(redact(`x ${line} y`, [key])).toBe("x [redacted] y");
});

test("a secret that is a part of another does not save the rest of it", () => {
  const long = "correct-horse-battery";
  expect(redact(`a ${long} b`, ["correct-horse", long])).toBe("a [redacted] b");
});

test("what is too short to be told from ordinary words stays", () => {
  expect(redact("the cat sat", ["cat", "at"])).toBe("the cat sat");
});

test("an error's message, stack and cause are left without it, too", () => {
  const error = new Error(`failed with ${SECRET}`, { cause: new Error(SECRET) });
  expect(logged({ error })).not.toContain("& more");
});

test("any secret of some length is never written, whatever stands around it", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12, unit: "grapheme" }), fc.string(), (secret, around) => {
      const line = logged({ text: `${around}${secret}${around}` }, [secret]);
      expect(JSON.parse(line).text).not.toContain(secret);
    }),
  );
});

test("a long secret is left out as a whole", () => {
  const long = "0123456789 abcdefghij ".repeat(1_000);
  expect(redact(`a ${long} b`, [long])).toBe("a [redacted] b");
  expect(redact(JSON.stringify(long), [long])).toBe('"[redacted]"');
});

test("characters that mean something in a pattern mean nothing here", () => {
  const secret = "^(a+)+$.*?[x]{2}|\\d";
  expect(redact(`1 ${secret} 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!`, [secret])).toBe(
    "1 [redacted] 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
  );
});

test("a secret that becomes known later is left out from then on", () => {
  let known: readonly string[] = [];
  const lines: string[] = [];
  const log = createLogger(
    "test",
    () => known,
    (line) => void lines.push(line),
  );
  log.info(SECRET);
  known = [SECRET];
  log.info(SECRET);
  expect(lines[0]).toContain("more");
  expect(lines[1]).not.toContain("more");
});

test("gathered lines go out once a turn, in order, and at once with what is worth a warning", async () => {
  const written: string[] = [];
  const log = createLogger(
    "test",
    [],
    gathered((lines) => void written.push(lines)),
  );
  const said = () => written.map((lines) => lines.match(/(?<="message":")\w+/g)?.join(" "));
  log.info("one");
  log.debug("two");
  expect(said()).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(said()).toEqual(["one two"]);
  log.info("three");
  log.warn("four");
  log.info("five");
  expect(said()).toEqual(["one two", "three four"]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(said()).toEqual(["one two", "three four", "five"]);
});
