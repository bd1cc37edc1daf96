/** Tests of the signed assertions. */
import { expect, test } from "bun:test";
import {
  ASSERTION_LIFETIME_MS,
  assertionKey,
  signAssertion,
  verifyAssertion,
} from "./assertion.ts";

const key = assertionKey("a token of this test");
const now = 1_800_000_000_000;
const who = { subject: "owner", name: "Ada Löwe", session: "0123456789abcdef" };
const signed = signAssertion(who, { key, now });

test("an assertion says who is asking, until it expires", () => {
  const expires_at = now + ASSERTION_LIFETIME_MS;
  expect(verifyAssertion(signed, { key, now })).toEqual({ ...who, expires_at });
  expect(verifyAssertion(signed, { key, now: expires_at - 1 })).toEqual({ ...who, expires_at });
  expect(verifyAssertion(signed, { key, now: expires_at })).toBeUndefined();
});

test("it fits into a header", () => {
  expect(signed).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/);
});

test("another key, another body or another signature is refused", () => {
  const [body = "", mac = ""] = signed.split(".");
  const forged = Buffer.from(
    JSON.stringify({ ...who, subject: "intruder", expires_at: now + 1000 }),
  ).toString("base64url");
  const flipped = (mac.startsWith("A") ? "B" : "A") + mac.slice(1);
  expect(verifyAssertion(signed, { key: assertionKey("another token"), now })).toBeUndefined();
  for (const text of [
    `${forged}.${mac}`,
    `${body}.${flipped}`,
    `${body}.`,
    body,
    "",
    ".",
    "{http.reverse_proxy.header.X-Luna-Identity}",
    `${signed}.${mac}`,
    `${body}.${mac}=`,
    "x".repeat(100_000),
  ]) {
    expect(verifyAssertion(text, { key, now })).toBeUndefined();
  }
});

test("the same bytes in another text are refused", () => {
  const last = signed.at(-1) ?? "";
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // 256 bits fill 42 letters and two thirds of the last: its lowest two bits mean nothing.
  const sibling = alphabet[alphabet.indexOf(last) ^ 1] ?? "";
  const [, mac = ""] = signed.split(".");
  expect(Buffer.from(mac.slice(0, -1) + sibling, "base64url")).toEqual(
    Buffer.from(mac, "base64url"),
  );
  expect(verifyAssertion(signed.slice(0, -1) + sibling, { key, now })).toBeUndefined();
});
