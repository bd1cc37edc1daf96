/** Files that are never half written: JSON and text replaced in one step, and read with errors that name them. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type ParseError, parse } from "jsonc-parser";
import { z } from "zod";
import { InvalidInputError, messageOf } from "./errors.ts";

/** Readable and writable by the owner alone. */
export const PRIVATE_MODE = 0o600;

/**
 * Replaces `path` with `text`: temporary file, fsync, rename, fsync of the folder.
 * A crash at any point leaves the old content or the new, never a part.
 */
export async function writeFileAtomic(
  path: string,
  text: string,
  mode = PRIVATE_MODE,
): Promise<void> {
  const temporary = `${path}.${process.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** `writeFileAtomic` of a value as JSON with two spaces and a final newline. */
export async function writeJsonAtomic(
  path: string,
  value: unknown,
  mode = PRIVATE_MODE,
): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, mode);
}

/** The text of `path`, or undefined when there is no such file. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The line of the first syntax error, which the engine's own message does not tell. */
function lineOfJsonError(text: string): number {
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  return text.slice(0, errors[0]?.offset ?? text.length).split("\n").length;
}

/**
 * Parses a file's text with `schema`.
 * @throws InvalidInputError that names the file, and the line or the fields, when it does not parse
 */
function parseJsonFile<Schema extends z.ZodType>(
  path: string,
  text: string,
  schema: Schema,
): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const line = lineOfJsonError(text);
    throw new InvalidInputError(
      `Cannot read "${path}": line ${line} is not valid JSON (${messageOf(cause)}); correct it, nothing was changed`,
      { cause },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot read "${path}": ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** Reads and parses a JSON file; undefined when there is none. */
export async function readJsonIfThere<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readTextIfThere(path);
  return text === undefined ? undefined : parseJsonFile(path, text, schema);
}
