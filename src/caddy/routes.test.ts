/** Tests of the route table: what Luna answers by itself, no extension can be called. */
import { expect, test } from "bun:test";
import { ThingName } from "../contract/names.ts";
import { ROUTES } from "./routes.ts";

test("every path of Luna's own below /api is a name that no extension may have", () => {
  const names = ROUTES.flatMap(({ paths }) => paths).flatMap((path) => {
    const name = /^\/api\/([^/*]+)/.exec(path)?.[1];
    return name === undefined ? [] : [name];
  });
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => ThingName.safeParse(name).success)).toEqual([]);
});
