/** Tests of what a mask tells. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { maskOf } from "./mask.ts";

test.each([
  ["A_KEY", "", ""],
  ["A_KEY", "short", "••••••••"],
  ["A_KEY", "fifteen letters", "••••••••"],
  ["A_KEY", "sk-1234567890abcdef", "••••••••cdef"],
  ["DB_PASSWORD", "correct horse battery staple", "••••••••"],
  ["MY_PASSPHRASE", "correct horse battery staple", "••••••••"],
  ["A_KEY", `-----BEGIN KEY-----\n${"x".repeat(20)}\nab\n`, "••••••••"],
])("%s=%j is shown as %s", (name, value, masked) => {
  expect(maskOf(name, value)).toBe(masked);
});

test("the length is never told, and never more than the last four characters", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "binary" }), (value) => {
      const masked = maskOf("A_KEY", value);
      const hint = masked.slice(8);
      expect(masked.startsWith("••••••••")).toBe(true);
      expect([0, 4]).toContain(hint.length);
      expect(value.endsWith(hint)).toBe(true);
    }),
  );
});
