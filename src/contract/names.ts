/** The names that people give to extensions, services and MCP servers, and the ones Luna keeps for itself. */
import { z } from "zod";

/** Prefixes of the public routes (specification 5): a thing of that name would shadow, or be shadowed. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  "agent",
  "auth",
  "authorize",
  // A key of every object.
  "constructor",
  "external-services",
  "hub",
  "main",
  "mcp",
  "register",
  "revoke",
  "supervisor",
  "token",
]);

/** One path segment and nothing else: never a path, never an option, the same on every file system. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const NAME_ERROR =
  "must be 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit, and not a reserved name";

export const ThingName = z
  .string()
  // The pattern stands alone, so that the JSON Schema has it too.
  .regex(NAME, { error: NAME_ERROR, abort: true })
  .refine((name) => !RESERVED_NAMES.has(name) && !name.startsWith("mcp-"), { error: NAME_ERROR });

/** What MCP clients and model APIs accept as the name of a tool. */
export const ToolName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");

/** An environment variable's name. */
export const KeyName = z
  .string()
  .regex(/^[A-Z_][A-Z0-9_]{0,127}$/, "must be A-Z, 0-9 and _, not beginning with a digit");
