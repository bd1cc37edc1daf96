/** Reads an OpenAPI document as a client of it does: which operations there are, and whether an answer is what it says. */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { z } from "zod";

const Schema = z.record(z.string(), z.unknown());

const Parameter = z.object({
  name: z.string(),
  in: z.enum(["path", "query"]),
  required: z.boolean(),
  schema: Schema,
});

const Content = z.record(z.string(), z.object({ schema: Schema }));

const Operation = z.looseObject({
  operationId: z.string(),
  parameters: z.array(Parameter).default([]),
  requestBody: z.object({ content: Content }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: Content.optional() })),
  security: z.array(z.record(z.string(), z.array(z.string()))),
});

const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.looseObject({ schemas: z.record(z.string(), Schema) }),
});

export type ApiOperation = z.infer<typeof Operation> & {
  method: string;
  /** `/services/{name}/start`. */
  path: string;
  /** Whether it wants no credential. */
  open: boolean;
};

export interface ApiDocument {
  operations: ApiOperation[];
  /** What is wrong with an answer, in words; undefined when it is as the document says. */
  fault(
    operation: ApiOperation,
    answer: { status: number; type: string; body: unknown },
  ): string | undefined;
}

/** @throws when it is no OpenAPI document, or one of its schemas is no JSON Schema */
export function readApiDocument(json: unknown): ApiDocument {
  const { paths, components } = Document.parse(json);
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  addFormats(ajv);
  const compile = (schema: object) =>
    ajv.compile(
      JSON.parse(
        JSON.stringify({ ...schema, $defs: components.schemas }).replaceAll(
          '"#/components/schemas/',
          '"#/$defs/',
        ),
      ),
    );
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      open: operation.security.some((one) => Object.keys(one).length === 0),
    })),
  );
  const failure = compile({ $ref: "#/components/schemas/ErrorBody" });
  const checks = new Map<string, ReturnType<typeof compile>>();
  for (const { operationId, responses } of operations) {
    for (const [status, { content = {} }] of Object.entries(responses)) {
      for (const [type, { schema }] of Object.entries(content)) {
        checks.set(`${operationId} ${status} ${type}`, compile(schema));
      }
    }
  }
  return {
    operations,
    fault({ operationId, responses }, { status, type, body }) {
      const bare = type.split(";")[0] ?? "";
      const isTold = String(status) in responses;
      if (isTold && responses[String(status)]?.content === undefined) return undefined;
      const check = isTold ? checks.get(`${operationId} ${status} ${bare}`) : failure;
      if (check === undefined) return `${status} ${bare} is not in the document`;
      return check(body) ? undefined : ajv.errorsText(check.errors);
    },
  };
}
