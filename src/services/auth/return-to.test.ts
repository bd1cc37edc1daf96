/** Tests of where people may be sent after signing in. */
import { expect, test } from "bun:test";
import { signInAddress } from "./return-to.ts";

test("a path of this Luna is kept, with its query", () => {
  for (const path of [
    "/tools",
    "/tools?q=a b&x=1",
    "/connect#cursor",
    "/a?next=https://x.example",
  ]) {
    const address = new URL(signInAddress(path), "http://luna.example");
    expect(address.pathname).toBe("/login");
    expect(address.searchParams.get("returnTo")).toBe(path);
  }
});

test("what leads away, or nowhere, is dropped", () => {
  for (const target of [
    undefined,
    "",
    "/",
    "tools",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\b",
    "/\t/evil.example",
    "/\n/evil.example",
    "/a\u0000",
    "/.//evil.example",
    "/x/..//evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    " /tools",
    "/login",
    "/login?returnTo=/login",
    `/${"x".repeat(5000)}`,
  ]) {
    expect(signInAddress(target)).toBe("/login");
  }
});

test("no target that is kept leaves the origin, however a browser joins it", () => {
  const odd = [
    "/",
    "\\",
    ".",
    "\t",
    "\n",
    "%2f",
    "@",
    ":",
    "evil.example",
    "?",
    "#",
    ";",
    "\u2028",
  ];
  let kept = 0;
  for (const a of odd) {
    for (const b of odd) {
      for (const c of odd) {
        const address = signInAddress(`/${a}${b}${c}`);
        const target = new URL(address, "http://luna.example").searchParams.get("returnTo");
        if (target === null) continue;
        kept += 1;
        const url = new URL(target, "http://luna.example");
        expect(url.host).toBe("luna.example");
        expect(url.pathname.startsWith("//")).toBe(false);
      }
    }
  }
  expect(kept).toBeGreaterThan(100);
});
