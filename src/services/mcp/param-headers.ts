/** Arguments that clients repeat in `Mcp-Param-…` headers, so that proxies can route by them (MCP 2026-07-28, Transports). */
import { z } from "zod";
import type { InputSchema } from "../../contract/tool.ts";

const KEYWORD = "x-mcp-header";
const PREFIX = "Mcp-Param-";
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A value that no header could carry as it is. */
const ENCODED = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/;
const LOOKS_ENCODED = /^=\?base64\?.*\?=$/s;
const DECIMAL = /^-?\d+(\.\d+)?$/;

export interface ParamHeader {
  /** Where in the arguments. */
  path: readonly string[];
  header: string;
}

const Node = z.looseObject({
  type: z.unknown(),
  properties: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

/** The declarations that can be reached through `properties` alone; those elsewhere are none. */
function scan(schema: unknown, path: readonly string[]): ParamHeader[] {
  const node = Node.safeParse(schema).data;
  if (node === undefined) return [];
  const header = node[KEYWORD];
  const isPrimitive = ["string", "integer", "boolean", "number"].includes(String(node.type));
  const own =
    path.length > 0 && typeof header === "string" && TOKEN.test(header) && isPrimitive
      ? [{ path, header: PREFIX + header }]
      : [];
  const children = Object.entries(node.properties ?? {});
  return [...own, ...children.flatMap(([name, child]) => scan(child, [...path, name]))];
}

/** By tool; tools without such headers are not in it. */
export function paramHeadersOf(
  tools: readonly { name: string; input_schema: InputSchema }[],
): ReadonlyMap<string, readonly ParamHeader[]> {
  const all = new Map<string, readonly ParamHeader[]>();
  for (const { name, input_schema } of tools) {
    const found = scan(input_schema, []);
    if (found.length > 0) all.set(name, found);
  }
  return all;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, key)) return undefined;
    node = Reflect.get(node, key);
  }
  return node;
}

/** What a header says, decoded; undefined when its encoding is broken. */
function decode(value: string): string | undefined {
  const encoded = ENCODED.exec(value)?.[1];
  if (encoded !== undefined) {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(encoded, "base64"));
    } catch {
      return undefined;
    }
  }
  return LOOKS_ENCODED.test(value) ? undefined : value;
}

function agrees(header: string, value: string | number | boolean): boolean {
  const said = decode(header.trim());
  if (said === undefined) return false;
  if (typeof value === "number") return DECIMAL.test(said) && Number(said) === value;
  return said === String(value);
}

/** What a header fails to repeat of the arguments, as a sentence; undefined when all is well. */
export function paramHeaderFault(
  declared: readonly ParamHeader[],
  given: unknown,
  headers: Headers,
): string | undefined {
  for (const { path, header } of declared) {
    const value = valueAt(given, path);
    const isPrimitive =
      typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    // An argument of a wrong type is refused by its schema.
    if (!isPrimitive) continue;
    const said = headers.get(header);
    const where = `the argument "${path.join(".")}"`;
    if (said === null) return `the header ${header} is missing: it has to repeat ${where}`;
    if (!agrees(said, value)) return `the header ${header} does not say what ${where} says`;
  }
  return undefined;
}
