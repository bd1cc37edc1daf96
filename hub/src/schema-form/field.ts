/** Turns a JSON Schema (2020-12, as tools have it) into the kinds of field that the form can show. */
import { type Json, propertiesOf, sameJson, toJson } from "./json.ts";

type Schema = Readonly<Record<string, unknown>>;

export interface Property {
  name: string;
  required: boolean;
  field(): Field;
}

interface Variant {
  label: string;
  field(): Field;
}

/** What kind of value it is. Inner fields are made when they are needed, as schemas may contain themselves. */
export type Shape =
  | {
      kind: "text";
      minLength: number | undefined;
      maxLength: number | undefined;
      pattern: string | undefined;
      format: string | undefined;
    }
  | { kind: "number"; isInteger: boolean; minimum: Limit | undefined; maximum: Limit | undefined }
  | { kind: "boolean" }
  | { kind: "choice"; options: readonly Json[] }
  | {
      kind: "list";
      minItems: number | undefined;
      maxItems: number | undefined;
      item(): Field;
    }
  | { kind: "object"; properties: readonly Property[] }
  | { kind: "union"; variants: readonly Variant[] }
  /** Whatever has no form of its own is written as JSON. */
  | { kind: "json" };

interface Limit {
  value: number;
  isExclusive: boolean;
}

export interface Field {
  shape: Shape;
  title: string | undefined;
  description: string | undefined;
  defaultValue: Json | undefined;
  isNullable: boolean;
}

/** How many references and combinations may lead to one field: a schema can point at itself. */
const RESOLVE_DEPTH_MAX = 16;

/** The field of `schema`; `root` is the whole schema that references start from. */
export function fieldOf(schema: unknown, root: unknown = schema): Field {
  const resolved = resolve(schema, root);
  const { inner, isNullable } = withoutNull(resolved, root);
  return {
    shape: shapeOf(inner, root),
    title: textOf(resolved["title"] ?? inner["title"]),
    description: textOf(resolved["description"] ?? inner["description"]),
    defaultValue: toJson(resolved["default"] ?? inner["default"]),
    isNullable: isNullable || resolved["default"] === null,
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;
const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" ? value : undefined;
const listOf = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) ? value : undefined;

/** Follows `$ref` and merges `allOf`, so that the rest sees one plain schema. */
function resolve(schema: unknown, root: unknown, depth = 0): Schema {
  const own = propertiesOf(schema) ?? {};
  if (depth > RESOLVE_DEPTH_MAX) return {};
  const { $ref, allOf, ...rest } = own;
  const parts = listOf(allOf) ?? [];
  const bases = typeof $ref === "string" ? [atPointer(root, $ref), ...parts] : parts;
  let merged: Schema = {};
  for (const base of bases) merged = merge(merged, resolve(base, root, depth + 1));
  return merge(merged, rest);
}

function merge(base: Schema, over: Schema): Schema {
  const properties = {
    ...propertiesOf(base["properties"]),
    ...propertiesOf(over["properties"]),
  };
  const required = [...(listOf(base["required"]) ?? []), ...(listOf(over["required"]) ?? [])];
  return {
    ...base,
    ...over,
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** What a local reference points at (RFC 6901), such as `#/$defs/note`. */
function atPointer(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  let place = root;
  for (const step of reference.slice(1).split("/").slice(1)) {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    place = propertiesOf(place)?.[name];
  }
  return place;
}

const isNullSchema = (schema: Schema): boolean =>
  schema["type"] === "null" || ("const" in schema && schema["const"] === null);

/** Takes "or null" out of a schema: all its spellings mean the same switch beside the field. */
function withoutNull(schema: Schema, root: unknown): { inner: Schema; isNullable: boolean } {
  const types = listOf(schema["type"]);
  if (types?.includes("null")) {
    const rest = types.filter((type) => type !== "null");
    const options = listOf(schema["enum"])?.filter((option) => option !== null);
    const inner = {
      ...schema,
      type: rest.length === 1 ? rest[0] : rest,
      ...(options === undefined ? {} : { enum: options }),
    };
    return { inner, isNullable: true };
  }
  const variants = variantsOf(schema)?.map((variant) => resolve(variant, root));
  if (variants?.some(isNullSchema)) {
    const { anyOf: _anyOf, oneOf: _oneOf, ...rest } = schema;
    const others = variants.filter((variant) => !isNullSchema(variant));
    const [only] = others;
    if (others.length === 1 && only !== undefined) {
      // Such as zod's `.nullable()`: its inner schema may be nullable or a union in turn.
      return { inner: withoutNull(merge(only, rest), root).inner, isNullable: true };
    }
    return { inner: { ...rest, anyOf: others }, isNullable: true };
  }
  return { inner: schema, isNullable: schema["nullable"] === true };
}

function variantsOf(schema: Schema): readonly unknown[] | undefined {
  return listOf(schema["oneOf"]) ?? listOf(schema["anyOf"]);
}

function shapeOf(schema: Schema, root: unknown): Shape {
  const options = optionsOf(schema, root);
  if (options !== undefined) return { kind: "choice", options };
  const union = unionOf(schema, root);
  if (union !== undefined) return union;

  switch (schema["type"]) {
    case "string":
      return {
        kind: "text",
        minLength: numberOf(schema["minLength"]),
        maxLength: numberOf(schema["maxLength"]),
        pattern: textOf(schema["pattern"]),
        format: textOf(schema["format"]),
      };
    case "number":
    case "integer":
      return {
        kind: "number",
        isInteger: schema["type"] === "integer",
        minimum: limitOf(schema["minimum"], schema["exclusiveMinimum"]),
        maximum: limitOf(schema["maximum"], schema["exclusiveMaximum"]),
      };
    case "boolean":
      return { kind: "boolean" };
    case "array":
      return listShape(schema, root);
    default:
      return objectShape(schema, root) ?? { kind: "json" };
  }
}

function limitOf(inclusive: unknown, exclusive: unknown): Limit | undefined {
  if (typeof exclusive === "number") return { value: exclusive, isExclusive: true };
  return typeof inclusive === "number" ? { value: inclusive, isExclusive: false } : undefined;
}

/** The values of an `enum`, of a `const`, or of a union that has nothing but those. */
function optionsOf(schema: Schema, root: unknown): readonly Json[] | undefined {
  if ("const" in schema) return jsonList([schema["const"]]);
  const listed = listOf(schema["enum"]);
  if (listed !== undefined) return jsonList(listed);
  const variants = variantsOf(schema)?.map((variant) => resolve(variant, root));
  if (variants === undefined || variants.length === 0) return undefined;
  const options = variants.map((variant) =>
    "const" in variant ? toJson(variant["const"]) : undefined,
  );
  return options.every((option) => option !== undefined) ? options : undefined;
}

function jsonList(values: readonly unknown[]): readonly Json[] {
  return values.flatMap((value) => toJson(value) ?? []);
}

function unionOf(schema: Schema, root: unknown): Shape | undefined {
  const types = listOf(schema["type"]);
  const { anyOf: _anyOf, oneOf: _oneOf, title: _title, description: _text, ...shared } = schema;
  const variants =
    variantsOf(schema)?.map((variant) => merge(shared, resolve(variant, root))) ??
    types?.map((type) => ({ ...schema, type }));
  const [only] = variants ?? [];
  if (variants === undefined || only === undefined) return undefined;
  if (variants.length === 1) return shapeOf(only, root);
  return {
    kind: "union",
    variants: variants.map((variant, index) => ({
      label: variantLabel(variant, index),
      field: () => fieldOf(variant, root),
    })),
  };
}

/** The title, the discriminating value (`kind: "url"`), or the type. */
function variantLabel(variant: Schema, index: number): string {
  const title = textOf(variant["title"]);
  if (title !== undefined) return title;
  for (const property of Object.values(propertiesOf(variant["properties"]) ?? {})) {
    const constant = propertiesOf(property)?.["const"];
    if (constant !== undefined) return String(constant);
  }
  return textOf(variant["type"]) ?? `Form ${index + 1}`;
}

function listShape(schema: Schema, root: unknown): Shape {
  // Items that differ by position have no form here.
  if ("prefixItems" in schema || schema["items"] === undefined) return { kind: "json" };
  return {
    kind: "list",
    minItems: numberOf(schema["minItems"]),
    maxItems: numberOf(schema["maxItems"]),
    item: () => fieldOf(schema["items"], root),
  };
}

function objectShape(schema: Schema, root: unknown): Shape | undefined {
  const properties = propertiesOf(schema["properties"]);
  const isMap = properties === undefined && schema["additionalProperties"] !== false;
  if (properties === undefined && (schema["type"] !== "object" || isMap)) return undefined;
  const required = new Set(listOf(schema["required"]) ?? []);
  return {
    kind: "object",
    properties: Object.entries(properties ?? {}).map(([name, inner]) => ({
      name,
      required: required.has(name),
      field: () => fieldOf(inner, root),
    })),
  };
}

/** What kind of value a field takes, in a word. */
export function typeWord(field: Field): string {
  const { shape } = field;
  switch (shape.kind) {
    case "number":
      return shape.isInteger ? "whole number" : "number";
    case "choice":
      return shape.options.length === 1 ? "fixed" : "choice";
    case "boolean":
      return "yes or no";
    case "json":
      return "JSON";
    case "union":
      return "one of several";
    case "text":
    case "list":
    case "object":
      return shape.kind;
    default:
      return shape satisfies never;
  }
}

/** Whether `value` is one of a choice's options. */
export function isOption(options: readonly Json[], value: unknown): boolean {
  return options.some((option) => sameJson(option, value));
}
