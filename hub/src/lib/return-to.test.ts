/** That signing in never leads to somebody else's site. */
import { expect, test } from "bun:test";
import { safeReturnTo, signInAddress } from "./return-to.ts";

const ORIGIN = "http://127.0.0.1:8443";

test.each([
  ["/tools", "/tools"],
  ["/tools/NOTES_GET_all?x=1#y", "/tools/NOTES_GET_all?x=1#y"],
  ["/ext/notes/", "/ext/notes/"],
  [undefined, "/"],
  ["", "/"],
  ["tools", "/"],
  ["https://evil.example/", "/"],
  ["//evil.example/", "/"],
  ["/\\evil.example/", "/"],
  ["/\t/evil.example/", "/"],
  ["javascript:alert(1)", "/"],
  ["//", "/"],
  ["/login", "/"],
  ["/login?returnTo=/login", "/"],
])("%p leads to %p", (wanted, expected) => {
  expect(safeReturnTo(wanted, ORIGIN)).toBe(expected);
});

test("the sign-in page leads back", () => {
  const address = signInAddress({ pathname: "/connect", search: "?server=a&client=b" });
  const wanted = new URL(address, ORIGIN).searchParams.get("returnTo") ?? undefined;
  expect(safeReturnTo(wanted, ORIGIN)).toBe("/connect?server=a&client=b");
  expect(signInAddress({ pathname: "/", search: "" })).toBe("/login");
});
