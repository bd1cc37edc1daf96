/** Tests what the document makes of an app's routes, with the app that answers by it. */
import { expect, test } from "bun:test";
import { validate } from "@readme/openapi-parser";
import { Hono } from "hono";
import { z } from "zod";
import { requireBearer } from "./app.ts";
import { openApiDocument, operationsOf } from "./openapi.ts";
import { answers } from "./route-facts.ts";
import { valid } from "./valid.ts";

const Leaf = z.object({ at: z.iso.datetime() });
const Name = z.object({ name: z.string().regex(/^[a-z]+$/) });
const Query = z.strictObject({ limit: z.coerce.number().int().default(7), text: z.string() });
const Body = z.strictObject({ size: z.int().max(3).default(1) });

const inner = new Hono()
  .use(requireBearer("secret", "the cellar"))
  .get("/:name", answers("Look", Leaf), valid("param", Name), (context) =>
    context.json({ at: "2026-01-01T00:00:00Z" }),
  );
const app = new Hono()
  .get("/open", answers("Open to all", z.object({ open: z.boolean() })), (context) =>
    context.json({ open: true }),
  )
  .route("/cellar", inner)
  .use(requireBearer("other", "the house"))
  .get("/leaves", answers("List", z.array(Leaf)), valid("query", Query), (context) =>
    context.json([]),
  )
  .post(
    "/leaves",
    answers("Add", Leaf, { status: 201 }),
    answers("Add", z.string(), { status: 201, type: "text/plain" }),
    valid("json", Body),
    (context) => context.text("x", 201),
  )
  .post(
    "/pictures",
    answers("Hang up a picture", Leaf),
    valid("form", z.object({ picture: z.file().max(9) })),
    (context) => context.json({ at: "2026-01-01T00:00:00Z" }),
  )
  .get("/silent", (context) => context.text("undocumented"));

const options = {
  routes: app.routes,
  info: { title: "A house", version: "1", description: "For tests." },
  servers: [{ url: "/", description: "Here" }],
  schemas: { Leaf },
  error: z.object({ error: z.string() }),
  guards: { "the house": ["key", "cookie"], "the cellar": ["cellar_key"] },
  securitySchemes: {
    key: { type: "http", scheme: "bearer" },
    cookie: { type: "apiKey", in: "cookie", name: "session" },
    cellar_key: { type: "http", scheme: "bearer" },
  },
};

test("the document is valid OpenAPI, and says of each route what its handlers say", async () => {
  const document = openApiDocument(options);
  const text = JSON.stringify(document);
  expect(await validate(JSON.parse(text))).toMatchObject({ valid: true });
  expect(document).toMatchObject({
    openapi: "3.1.1",
    paths: {
      "/open": { get: { operationId: "get_open", summary: "Open to all", security: [{}] } },
      "/cellar/{name}": {
        get: {
          security: [{ cellar_key: [] }],
          parameters: [{ name: "name", in: "path", schema: { pattern: "^[a-z]+$" } }],
        },
      },
      "/leaves": {
        get: {
          security: [{ key: [] }, { cookie: [] }],
          parameters: [
            { name: "limit", in: "query", required: false, schema: { default: 7 } },
            { name: "text", in: "query", required: true },
          ],
          responses: {
            "200": { content: { "application/json": { schema: { type: "array" } } } },
            default: { $ref: "#/components/responses/Failure" },
          },
        },
        post: {
          requestBody: {
            content: { "application/json": { schema: { properties: { size: { maximum: 3 } } } } },
          },
          responses: { "201": { content: { "application/json": {}, "text/plain": {} } } },
        },
      },
    },
    components: { schemas: { Leaf: { properties: { at: { format: "date-time" } } } } },
  });
  expect(text).toContain('"$ref":"#/components/schemas/Leaf"');
  expect(document).toHaveProperty(
    ["paths", "/pictures", "post", "requestBody", "content", "multipart/form-data", "schema"],
    expect.objectContaining({ properties: { picture: expect.objectContaining({ maxLength: 9 }) } }),
  );
});

test("a validator that accepts anything would not do", async () => {
  const document = JSON.parse(JSON.stringify(openApiDocument(options)));
  delete document.paths["/cellar/{name}"].get.parameters;
  expect(await validate(document)).toMatchObject({ valid: false });
});

test("a route that says nothing of itself is seen", () => {
  const silent = operationsOf(app.routes).filter(({ answers: told }) => told.length === 0);
  expect(silent.map(({ path }) => path)).toEqual(["/silent"]);
});
