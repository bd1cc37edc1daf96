/** What stands in the form while it is filled in, what it begins with, and what it means as arguments. */
import { type Field, isOption, type Shape } from "./field.ts";
import { type Json, propertiesOf, toJson } from "./json.ts";

/** Text in a field that does not say a value yet, such as "1e" in a number. */
export class Unreadable {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON value with Unreadable leaves; undefined is "left out". */
export type Draft = unknown;

/** Something to correct, at the path (as in RFC 6901) of its field. */
export interface Fault {
  path: string;
  message: string;
}

export interface Reading {
  value: Json | undefined;
  faults: readonly Fault[];
}

/** A required object may require itself; nobody fills in a form that deep. */
const INITIAL_DEPTH_MAX = 6;

/** What a field begins with: its default, else as little as a required one needs. */
export function initialDraft(field: Field, required: boolean, depth = 0): Draft {
  if (field.defaultValue !== undefined) return field.defaultValue;
  if (!required || depth > INITIAL_DEPTH_MAX) return undefined;
  if (field.isNullable) return null;
  const { shape } = field;
  switch (shape.kind) {
    case "object":
      return Object.fromEntries(
        shape.properties.flatMap((property) => {
          const draft = initialDraft(property.field(), property.required, depth + 1);
          return draft === undefined ? [] : [[property.name, draft] as const];
        }),
      );
    case "list":
      return [];
    case "boolean":
      return false;
    case "choice":
      return shape.options.length === 1 ? shape.options[0] : undefined;
    case "union": {
      const [first] = shape.variants;
      return first === undefined ? undefined : initialDraft(first.field(), true, depth + 1);
    }
    case "text":
    case "number":
    case "json":
      return undefined;
    default:
      return shape satisfies never;
  }
}

interface Place {
  field: Field;
  draft: Draft;
  required: boolean;
  path: string;
}

/** Reads a draft: the value that it means, and what is wrong with it. */
export function readDraft({ field, draft, required, path }: Place): Reading {
  if (draft === undefined) return required ? fault(path, "This is needed.") : accept(undefined);
  if (draft === null && field.isNullable) return accept(null);
  const { shape } = field;
  switch (shape.kind) {
    case "text":
      return readText(shape, draft, path);
    case "number":
      return readNumber(shape, draft, path);
    case "boolean":
      return typeof draft === "boolean" ? accept(draft) : fault(path, "This must be yes or no.");
    case "choice":
      return isOption(shape.options, draft)
        ? accept(toJson(draft))
        : fault(path, `This must be ${shape.options.map(optionText).join(" or ")}.`);
    case "list":
      return readList(shape, draft, path);
    case "object":
      return readObject(shape, draft, path);
    case "union":
      return readVariant(shape, draft, path).reading;
    case "json":
      return draft instanceof Unreadable
        ? fault(path, "This is not valid JSON.")
        : accept(toJson(draft));
    default:
      return shape satisfies never;
  }
}

const accept = (value: Json | undefined): Reading => ({ value, faults: [] });
const fault = (path: string, message: string): Reading => ({
  value: undefined,
  faults: [{ path, message }],
});

/** An option as people read it: text as it is, everything else as JSON. */
export function optionText(option: Json): string {
  return typeof option === "string" ? option : JSON.stringify(option);
}

/** The path of an inner field (RFC 6901). */
export function innerPath(path: string, name: string | number): string {
  return `${path}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

type ShapeOf<Kind extends Shape["kind"]> = Extract<Shape, { kind: Kind }>;

function readText(shape: ShapeOf<"text">, draft: Draft, path: string): Reading {
  if (typeof draft !== "string") return fault(path, "This must be text.");
  // JSON Schema counts characters, not UTF-16 units.
  const length = [...draft].length;
  const { minLength, maxLength, pattern } = shape;
  if (minLength !== undefined && length < minLength) {
    return fault(path, `This must have at least ${counted(minLength, "character")}.`);
  }
  if (maxLength !== undefined && length > maxLength) {
    return fault(
      path,
      `This must have at most ${counted(maxLength, "character")}, it has ${length}.`,
    );
  }
  if (pattern !== undefined && !fits(pattern, draft)) {
    return fault(path, `This must match ${pattern}.`);
  }
  return accept(draft);
}

function fits(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    // A pattern that this browser does not know is for the server to judge.
    return true;
  }
}

function readNumber(shape: ShapeOf<"number">, draft: Draft, path: string): Reading {
  if (typeof draft !== "number") return fault(path, "This must be a number.");
  const { isInteger, minimum, maximum } = shape;
  if (isInteger && !Number.isInteger(draft)) return fault(path, "This must be a whole number.");
  if (minimum && (minimum.isExclusive ? draft <= minimum.value : draft < minimum.value)) {
    return fault(
      path,
      `This must be ${minimum.isExclusive ? "above" : "at least"} ${minimum.value}.`,
    );
  }
  if (maximum && (maximum.isExclusive ? draft >= maximum.value : draft > maximum.value)) {
    return fault(
      path,
      `This must be ${maximum.isExclusive ? "below" : "at most"} ${maximum.value}.`,
    );
  }
  return accept(draft);
}

function readList(shape: ShapeOf<"list">, draft: Draft, path: string): Reading {
  if (!Array.isArray(draft)) return fault(path, "This must be a list.");
  const { minItems, maxItems } = shape;
  if (minItems !== undefined && draft.length < minItems) {
    return fault(path, `This must have at least ${counted(minItems, "item")}.`);
  }
  if (maxItems !== undefined && draft.length > maxItems) {
    return fault(path, `This must have at most ${counted(maxItems, "item")}.`);
  }
  const field = shape.item();
  const readings = draft.map((item: unknown, index) =>
    readDraft({ field, draft: item, required: true, path: innerPath(path, index) }),
  );
  return {
    value: readings.map(({ value }) => value ?? null),
    faults: readings.flatMap(({ faults }) => faults),
  };
}

/** Properties that the schema does not name stay: the JSON tab may have set them. */
function readObject(shape: ShapeOf<"object">, draft: Draft, path: string): Reading {
  const drafts = propertiesOf(draft);
  if (drafts === undefined || draft instanceof Unreadable) {
    return fault(path, "This must be an object.");
  }
  const values = new Map<string, Json | undefined>(
    Object.entries(drafts).map(([name, inner]) => [name, toJson(inner)]),
  );
  const faults: Fault[] = [];
  for (const { name, required, field } of shape.properties) {
    const place = { field: field(), draft: drafts[name], required, path: innerPath(path, name) };
    const reading = readDraft(place);
    values.set(name, reading.value);
    faults.push(...reading.faults);
  }
  return { value: toJson(Object.fromEntries(values)), faults };
}

/** Which variant a draft is of: the first that it satisfies, else the one that it comes closest to. */
export function readVariant(
  shape: ShapeOf<"union">,
  draft: Draft,
  path: string,
): { index: number; reading: Reading } {
  let best: { index: number; reading: Reading } | undefined;
  for (const [index, variant] of shape.variants.entries()) {
    const reading = readDraft({ field: variant.field(), draft, required: true, path });
    if (reading.faults.length === 0) return { index, reading };
    if (best === undefined || distance(reading, path) < distance(best.reading, path)) {
      best = { index, reading };
    }
  }
  return best ?? { index: 0, reading: accept(toJson(draft)) };
}

/** A value of the wrong kind altogether is further away than one with faults inside. */
const WRONG_KIND = 1_000;

function distance(reading: Reading, path: string): number {
  const isWrongKind = reading.faults.some((found) => found.path === path);
  return reading.faults.length + (isWrongKind ? WRONG_KIND : 0);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
