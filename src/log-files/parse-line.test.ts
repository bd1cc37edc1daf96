/** What each kind of line is read as. */
import { expect, test } from "bun:test";
import { parseLine, withoutEscapes } from "./parse-line.ts";
import { parseSince } from "./since.ts";

const AT = Date.parse("2031-02-03T04:05:06.789Z");

test("Luna's own lines, without what is said twice", () => {
  const line = `{"time":"2031-02-03T04:05:06.789Z","level":"warn","service":"auth","message":"slow","ms":7}`;
  expect(parseLine(line, "auth")).toEqual({
    ...{ time: AT, level: "warn", message: "slow" },
    fields: { ms: 7 },
  });
  expect(parseLine(line, "other").fields).toEqual({ ms: 7, service: "auth" });
});

test("Caddy's lines, and those of pino and structlog", () => {
  const caddy = `{"level":"error","ts":${AT / 1000},"logger":"http.log","msg":"dial","status":502}`;
  expect(parseLine(caddy, "caddy")).toEqual({
    ...{ time: AT, level: "error", message: "dial" },
    fields: { logger: "http.log", status: 502 },
  });
  expect(parseLine(`{"level":40,"time":${AT},"msg":"m"}`, "x")).toEqual({
    ...{ time: AT, level: "warn", message: "m", fields: undefined },
  });
  const event = `{"event":"e","level":"critical","timestamp":"2031-02-03T04:05:06.789Z"}`;
  expect(parseLine(event, "x")).toMatchObject({ time: AT, level: "error", message: "e" });
});

test("plain text is an error only when it begins like one", () => {
  const levels: Record<string, string> = {
    "Listening, 0 errors": "info",
    "error: no such file": "error",
    "[WARN] disk": "warn",
    "2031-02-03 04:05:06 ERROR it broke": "error",
    "TypeError: x is not a function": "error",
    "Traceback (most recent call last):": "error",
    "\u001b[33mwarning\u001b[0m: old": "warn",
    "DEBUG: x": "debug",
    erroneous: "info",
    '{"level":"error"}': "info",
    '{"level":"error","message":': "info",
  };
  const found = Object.keys(levels).map((text) => [text, parseLine(text, "x").level]);
  expect(Object.fromEntries(found)).toEqual(levels);
});

test("a time in front of plain text counts when it says its zone", () => {
  expect(parseLine("2031-02-03T04:05:06.789Z ready", "x").time).toBe(AT);
  expect(parseLine("[2031-02-03 05:05:06,789+01:00] ready", "x").time).toBe(AT);
  expect(parseLine("2031-02-03 04:05:06 ready", "x").time).toBeUndefined();
  expect(parseLine(`{"time":"never","message":"m"}`, "x").time).toBeUndefined();
  expect(parseLine(`{"time":1e300,"message":"m"}`, "x").time).toBeUndefined();
});

test("escape sequences do not reach a terminal", () => {
  expect(withoutEscapes("\u001b]0;title\u0007\u001b[2Ja\u001b[31mb\u0008c\td")).toBe("abc\td");
});

test("since is how long ago, or a date", () => {
  const now = 1_000_000_000_000;
  expect(parseSince("30s", now)).toBe(now - 30_000);
  expect(parseSince("2d", now)).toBe(now - 2 * 86_400_000);
  expect(parseSince("2031-02-03T04:05:06.789Z", now)).toBe(AT);
  expect(() => parseSince("yesterday", now)).toThrow('Cannot read the time "yesterday"');
});
