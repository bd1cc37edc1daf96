/** Builds an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1) out of what an app's routes say of themselves. */
import type { MiddlewareHandler } from "hono";
import { z } from "zod";
import { type Answer, factsOf } from "./route-facts.ts";

type Json = Record<string, unknown>;

/** As Hono keeps them, in the order in which they were added. */
export type Routes = readonly { method: string; path: string; handler: MiddlewareHandler }[];

/** One method of one path, with all that stands before its handler. */
export interface Operation {
  method: string;
  /** Hono's own pattern: `/services/:name/start`. */
  path: string;
  inputs: { target: string; schema: z.ZodType }[];
  answers: Answer[];
  guards: string[];
}

interface DocumentOptions {
  routes: Routes;
  info: { title: string; version: string; description: string };
  servers: readonly { url: string; description: string }[];
  /** What has a name of its own in the document, wherever an answer holds it. */
  schemas: Readonly<Record<string, z.ZodType>>;
  /** What every answer is that tells of a failure. */
  error: z.ZodType;
  /** How to get past each guard: by any one of these security schemes. */
  guards: Readonly<Record<string, readonly string[]>>;
  securitySchemes: Readonly<Record<string, Json>>;
}

/** Hono's word for "whatever the method": middleware, or a route that answers to all. */
const ANY_METHOD = "ALL";

/** Whether the middleware at `pattern` (`/*`, `/v1/*`, `/live`) stands before `path`. */
function covers(pattern: string, path: string): boolean {
  if (!pattern.endsWith("/*")) return pattern === path;
  const prefix = pattern.slice(0, -"/*".length);
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** Every operation of an app, in the order of its routes. */
export function operationsOf(routes: Routes): Operation[] {
  const operations = new Map<string, Operation>();
  const before: { path: string; guard: string }[] = [];
  for (const { method, path, handler } of routes) {
    const { input, answer, guard } = factsOf(handler);
    if (method === ANY_METHOD && path.endsWith("*")) {
      if (guard !== undefined) before.push({ path, guard });
      continue;
    }
    const key = `${method} ${path}`;
    const passed = before.filter((one) => covers(one.path, path)).map((one) => one.guard);
    const operation = operations.get(key) ?? {
      method,
      path,
      inputs: [],
      answers: [],
      guards: passed,
    };
    operations.set(key, operation);
    if (input !== undefined) operation.inputs.push(input);
    if (answer !== undefined) operation.answers.push(answer);
    if (guard !== undefined) operation.guards.push(guard);
  }
  return [...operations.values()];
}

/** `/services/:name/start` as the document writes it: `/services/{name}/start`. */
function templateOf(path: string): string {
  return path.replace(/:([A-Za-z_]+)(\{[^}]*\})?\??/g, "{$1}");
}

function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words].join("_");
}

/** JSON Schemas of one document: those with names are kept once, and referred to. */
class Schemas {
  readonly components: Json = {};
  readonly #names = z.registry<{ id: string }>();

  constructor(named: Readonly<Record<string, z.ZodType>>) {
    for (const [id, schema] of Object.entries(named)) this.#names.add(schema, { id });
  }

  /** What is answered. */
  output(schema: z.ZodType): Json {
    return this.#of(schema, { io: "output", metadata: this.#names });
  }

  /** What is sent; in full, as the same schema may be answered in another form (with defaults filled in). */
  input(schema: z.ZodType): Json {
    return this.#of(schema, { io: "input", metadata: z.registry<{ id: string }>() });
  }

  #of(schema: z.ZodType, params: z.core.ToJSONSchemaParams): Json {
    const json = z.toJSONSchema(schema, {
      ...params,
      // A refinement in code has no equivalent; what it refines is told all the same.
      unrepresentable: "any",
      override: ({ jsonSchema }) => {
        // The format says it already, and shorter.
        if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
      },
    });
    const text = JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/');
    const {
      $schema: _dialect,
      $defs,
      ...rest
    } = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    Object.assign(this.components, $defs);
    return rest;
  }
}

const ObjectSchema = z.looseObject({
  properties: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  required: z.array(z.string()).default([]),
});

/** Path and query parameters; a path's parameter that no schema describes is some text. */
function parametersOf({ path, inputs }: Operation, schemas: Schemas): Json[] {
  const of = (target: string): z.infer<typeof ObjectSchema> => {
    const input = inputs.find((one) => one.target === target);
    return ObjectSchema.parse(input === undefined ? {} : schemas.input(input.schema));
  };
  const inPath = [...templateOf(path).matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    const schema = of("param").properties[name] ?? { type: "string" };
    return { name, in: "path", required: true, schema };
  });
  const query = of("query");
  const inQuery = Object.entries(query.properties).map(([name, schema]) => {
    // What has a default need not be sent.
    const required = query.required.includes(name) && !("default" in schema);
    return { name, in: "query", required, schema };
  });
  return [...inPath, ...inQuery];
}

/** How each part of a request that is a body is sent. */
const BODY_TYPES: Readonly<Record<string, string>> = {
  json: "application/json",
  form: "multipart/form-data",
};

function bodyOf(inputs: Operation["inputs"], schemas: Schemas): Json | undefined {
  const content: Json = {};
  for (const { target, schema } of inputs) {
    const type = BODY_TYPES[target];
    if (type !== undefined) content[type] = { schema: schemas.input(schema) };
  }
  return Object.keys(content).length === 0 ? undefined : content;
}

function contentOf(answers: readonly Answer[], schemas: Schemas): Json {
  const content: Json = {};
  for (const { type, schema } of answers) {
    if (type !== undefined && schema !== undefined)
      content[type] = { schema: schemas.output(schema) };
  }
  return Object.keys(content).length === 0 ? {} : { content };
}

function responsesOf({ answers }: Operation, schemas: Schemas): Json {
  const responses: Json = {};
  for (const { status, summary } of answers) {
    const same = answers.filter((answer) => answer.status === status);
    responses[String(status)] ??= { description: summary, ...contentOf(same, schemas) };
  }
  return { ...responses, default: { $ref: "#/components/responses/Failure" } };
}

/** Every guard has to be passed; OpenAPI lists the combinations of schemes that do it. */
function securityOf({ guards }: Operation, options: DocumentOptions): Json[] {
  return guards.reduce<Json[]>(
    (combinations, guard) =>
      combinations.flatMap((one) =>
        (options.guards[guard] ?? []).map((scheme) => ({ ...one, [scheme]: [] })),
      ),
    [{}],
  );
}

function operationObject(operation: Operation, schemas: Schemas, options: DocumentOptions): Json {
  const { method, path, inputs, answers } = operation;
  const body = bodyOf(inputs, schemas);
  const parameters = parametersOf(operation, schemas);
  return {
    operationId: operationId(method, path),
    summary: answers[0]?.summary ?? "",
    tags: [path.split("/")[1] ?? ""],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: body } }),
    responses: responsesOf(operation, schemas),
    security: securityOf(operation, options),
  };
}

/** The document as a value that JSON can hold. */
export function openApiDocument(options: DocumentOptions): Json {
  const { info, servers, securitySchemes } = options;
  const schemas = new Schemas(options.schemas);
  const paths: Record<string, Json> = {};
  for (const operation of operationsOf(options.routes)) {
    const path = templateOf(operation.path);
    const described = operationObject(operation, schemas, options);
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described };
  }
  const failure = {
    description: "It did not work; the body says why, and what to do.",
    content: { "application/json": { schema: schemas.output(options.error) } },
  };
  return {
    openapi: "3.1.1",
    info,
    servers,
    paths,
    components: { schemas: schemas.components, responses: { Failure: failure }, securitySchemes },
  };
}
