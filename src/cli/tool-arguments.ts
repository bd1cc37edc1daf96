/** A tool's arguments as people type them, `name=value`, with the types that its schema says. */
import { z } from "zod";
import type { InputSchema } from "../contract/tool.ts";
import { didYouMean } from "../lib/did-you-mean.ts";
import { InvalidInputError } from "../lib/errors.ts";

const Fields = z.record(z.string(), z.unknown());
const Field = z.looseObject({ type: z.string() });

// No refusal here repeats a value: it may be a password.
function refuse(why: string): never {
  throw new InvalidInputError(`Cannot read the arguments: ${why}`);
}

/** @throws InvalidInputError unless the text is the JSON of an object */
export function readJsonObject(text: string): Record<string, unknown> {
  try {
    return Fields.parse(JSON.parse(text));
  } catch {
    return refuse(`they should be a JSON object, such as '{"limit": 5}'`);
  }
}

function jsonOr(text: string, otherwise: () => unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise();
  }
}

/** A value as its field's schema wants it; where that leaves several types open, JSON or else the text. */
function typedValue(text: string, { name, field }: { name: string; field: unknown }): unknown {
  const type = Field.safeParse(field).data?.type;
  switch (type) {
    case "string":
      return text;
    case "number":
    case "integer": {
      const number = text.trim() === "" ? Number.NaN : Number(text);
      return Number.isNaN(number) ? refuse(`"${name}" should be a number`) : number;
    }
    case "boolean":
      if (text === "true" || text === "false") return text === "true";
      return refuse(`"${name}" should be true or false`);
    case "array":
    case "object":
    case "null":
      return jsonOr(text, () => refuse(`"${name}" should be JSON of the type ${type}`));
    default:
      return jsonOr(text, () => text);
  }
}

function fieldOf(name: string, schema: InputSchema): unknown {
  const fields = Fields.safeParse(schema["properties"]).data ?? {};
  if (Object.hasOwn(fields, name)) return fields[name];
  const more = schema["additionalProperties"];
  if (more === true || typeof more === "object") return more;
  const names = Object.keys(fields);
  const known = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
  return refuse(`the tool has no "${name}"; ${known}.${didYouMean(name, names)}`);
}

/** @throws InvalidInputError that names the argument, and never its value */
export function argumentsIn(
  words: readonly string[],
  schema: InputSchema,
): Record<string, unknown> {
  const given = new Map<string, unknown>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (at <= 0) refuse("each should be name=value");
    const name = word.slice(0, at);
    if (given.has(name)) refuse(`"${name}" is there twice`);
    given.set(name, typedValue(word.slice(at + 1), { name, field: fieldOf(name, schema) }));
  }
  return Object.fromEntries(given);
}
