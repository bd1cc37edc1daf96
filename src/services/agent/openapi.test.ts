/** Tests that the agent API's document is valid, and that no route is missing in it. */
import { expect, test } from "bun:test";
import { validate } from "@readme/openapi-parser";
import { ROUTERS, routesOf } from "../../../tests/support/routers.ts";
import { agentApiDocument } from "./openapi.ts";

test("every route says what it answers, with `answers()` (src/lib/route-facts.ts)", () => {
  const operations = routesOf("agent");
  expect(operations.length).toBeGreaterThan(4);
  const silent = operations.filter(({ answers }) => answers.length === 0);
  expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

test("the document is valid OpenAPI", async () => {
  const document = agentApiDocument(ROUTERS.agent.routes, 8080);
  expect(await validate(JSON.parse(JSON.stringify(document)))).toMatchObject({ valid: true });
});
