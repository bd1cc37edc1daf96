/** What is said when nothing answered, or another than Luna; the rest is seen on the way itself. */
import { expect, test } from "bun:test";
import type { Answer, Asked } from "./ask.ts";
import { answerFault, silenceFault } from "./strangers.ts";

const url = new URL("https://luna.example/api/mcp");

test.each<[Exclude<Asked, Answer>, string, RegExp]>([
  [{ kind: "no_name", url, why: "ENOTFOUND" }, "network", /no address for the name luna\.example/],
  [{ kind: "no_connection", url, why: "ECONNREFUSED" }, "network", /Nothing listens at luna/],
  [{ kind: "no_answer_in_time", url }, "network", /does not answer in time/],
  [
    { kind: "bad_certificate", url, why: "CERT_HAS_EXPIRED" },
    ...(["in_front", /not one that clients trust \(CERT_HAS_EXPIRED\)/] as const),
  ],
])("%p", (asked, whose, title) => {
  const fault = silenceFault(asked);
  expect(fault.whose ?? "").toBe(whose);
  expect(fault.title).toMatch(title);
  expect(fault.fix).not.toBe("");
});

test.each<[number, Record<string, string>, string, string, string]>([
  [503, { Server: "cloudflare", "Content-Type": "text/html" }, "<html>", "in_front", "Cloudflare"],
  [521, {}, "", "in_front", "cannot reach Luna"],
  [302, { Location: "/elsewhere" }, "", "in_front", "redirect (302) to /elsewhere"],
  [404, {}, "Not found", "in_front", "that path does not reach it"],
  [200, { "Content-Type": "text/html" }, "<html>", "in_front", "a page answered"],
  [
    503,
    {},
    '{"error":{"code":"unavailable","message":"Cannot sign in"}}',
    "luna",
    "Cannot sign in",
  ],
])("%p with %p: %s", (status, headers, text, whose, title) => {
  const json: unknown = text.startsWith("{") ? JSON.parse(text) : undefined;
  const answer: Answer = {
    kind: "answer",
    ...{ url, status, headers: new Headers(headers), text, json },
  };
  const fault = answerFault(answer);
  expect(fault.whose ?? "").toBe(whose);
  expect(fault.title).toContain(title);
});
