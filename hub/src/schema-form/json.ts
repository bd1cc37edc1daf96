/** JSON values and what a form needs to know of them. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** The properties of anything that is an object and no list. */
export function propertiesOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value));
}

/** A copy of `value` as JSON; undefined when it has no form in JSON. */
export function toJson(value: unknown): Json | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (Array.isArray(value)) return value.map((item) => toJson(item) ?? null);
  const properties = propertiesOf(value);
  if (properties === undefined) return undefined;
  const entries = Object.entries(properties).flatMap(([name, inner]) => {
    const json = toJson(inner);
    return json === undefined ? [] : [[name, json] as const];
  });
  return Object.fromEntries(entries);
}

export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
