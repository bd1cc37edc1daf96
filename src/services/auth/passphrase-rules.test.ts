/** Tests of what may be a passphrase. */
import { describe, expect, test } from "bun:test";
import { PASSPHRASE_LENGTH_MAX } from "../../contract/passphrase.ts";
import { normalPassphrase, passphraseFault } from "./passphrase-rules.ts";

const GOOD = [
  "correct horse battery staple",
  "Rv7#kqzP2mXw",
  "der Mond über dem Haus",
  "月の上の静かな海と山と川の音",
  "ten green bottles 10 9 8",
  "my password is a moose",
  `${"x".repeat(8)}1234567890abcdefQZ`,
];

const BAD: [passphrase: string, why: RegExp][] = [
  ["", /has 0 characters, it should have 12/],
  ["elevenchars", /has 11 characters/],
  ["🌙🌙🌙🌙🌙🌙", /has 6 characters/],
  ["a".repeat(40), /again and again/],
  ["abc1abc1abc1", /again and again/],
  ["ababababab ab", /again and again/],
  ["abcdefghijklmno", /runs along/],
  ["987654321098", /runs along/],
  ["qwertyuiopas", /runs along/],
  ["asdfghjklqwerty", /runs along/],
  ["qwertyuiop1234", /runs along/],
  ["password1234", /common password/],
  ["PassWord!2026!", /common password/],
  ["welcomewelcome1", /common password/],
  ["admin@luna.2026", /common password/],
  ["lunaluna2026!", /common password/],
  [" correct horse battery", /begins or ends with a space/],
  ["correct\nhorse battery", /cannot be typed/],
  ["xyz".repeat(PASSPHRASE_LENGTH_MAX), /longer than/],
];

describe("a passphrase", () => {
  for (const good of GOOD) {
    test(`"${good}" can be kept`, () => expect(passphraseFault(good)).toBeUndefined());
  }
  for (const [bad, why] of BAD) {
    test(`"${bad.slice(0, 40)}" cannot: ${why.source}`, () => {
      expect(passphraseFault(bad)).toMatch(why);
    });
  }
  test("is the same however its letters were composed", () => {
    expect(normalPassphrase("über")).toBe(normalPassphrase("u\u0308ber"));
  });
});
