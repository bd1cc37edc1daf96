/** Checks that every route of every process has a class of who may use it. */
import { expect, test } from "bun:test";
import { classifiedRoutes, idleRules } from "../security/access.ts";

test("every route has a class (tests/security/access.ts), so that the security tests know what to expect", () => {
  const { routes, unclassified } = classifiedRoutes();
  expect(unclassified).toEqual([]);
  expect(routes.length).toBeGreaterThan(30);
  expect(new Set(routes.map(({ router }) => router)).size).toBe(5);
});

test("every rule is about some route", () => {
  expect(idleRules()).toEqual([]);
});
