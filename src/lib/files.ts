/** Files that are never half written: JSON and text replaced in one step, and read with errors that name them. */
import { existsSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ParseError, parse } from "jsonc-parser";
import type { z } from "zod";
import { InvalidInputError, messageOf, UnavailableError } from "./errors.ts";
import { explain } from "./explain.ts";
import { statOf } from "./proc.ts";

/** Readable and writable by the owner alone. */
export const PRIVATE_MODE = 0o600;
/** No file that is read whole is nearly as large; a larger one is damaged or not ours. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const BYTES_PER_MB = 1024 * 1024;

/** What a writer that was killed leaves: `<name>.<pid>.<8 hex digits>.tmp`, for links without the digits. */
const TEMPORARY = /\.(\d+)(?:\.[0-9a-f]{8})?\.tmp$/;
/** A writer is done long before; its pid then belongs to another process. */
const TEMPORARY_AGE_MS = 60 * 60_000;

/** A name beside `path` for its next content, by which `removeTemporaries` knows whose it was. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** Renames, and makes the new name last: a power cut afterwards does not bring the old one back. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  const folder = await open(dirname(to), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Replacements that have begun. */
const underWay = new Set<Promise<unknown>>();

/** Resolves when what is being written is on the disk: a process that ends before leaves its temporary files behind. */
export async function writesSettled(): Promise<void> {
  while (underWay.size > 0) await Promise.allSettled(underWay);
}

/** @returns whether it was replaced: not when `isWanted` says no at the last moment */
function replaceFile(...replacement: Parameters<typeof replace>): Promise<boolean> {
  const work = replace(...replacement);
  underWay.add(work);
  const forget = (): boolean => underWay.delete(work);
  work.then(forget, forget);
  return work;
}

async function replace(
  path: string,
  { text, mode, isWanted }: { text: string; mode: number; isWanted(): boolean },
): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (!isWanted()) {
      await rm(temporary, { force: true });
      return false;
    }
    await renameDurably(temporary, path);
    return true;
  } catch (cause) {
    // On a disk that refuses even this, the next start removes it.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new UnavailableError(
      `Cannot write "${path}": ${messageOf(cause)}; make sure that its disk has room and can be written`,
      { cause },
    );
  }
}

/**
 * Replaces `path` with `text`: temporary file, fsync, rename, fsync of the folder.
 * A crash at any point leaves the old content or the new, never a part.
 * @throws UnavailableError that names the file when the disk refuses it, full or broken
 */
export async function writeFileAtomic(
  path: string,
  text: string,
  mode = PRIVATE_MODE,
): Promise<void> {
  await replaceFile(path, { text, mode, isWanted: () => true });
}

/**
 * `writeJsonAtomic`, unless `isWanted` says at the last moment that it is not: somebody else may have written meanwhile.
 * @returns whether it was written
 */
export function writeJsonAtomicIf(
  path: string,
  value: unknown,
  isWanted: () => boolean,
): Promise<boolean> {
  return replaceFile(path, { text: jsonText(value), mode: PRIVATE_MODE, isWanted });
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** `writeFileAtomic` of a value as JSON with two spaces and a final newline. */
export async function writeJsonAtomic(
  path: string,
  value: unknown,
  mode = PRIVATE_MODE,
): Promise<void> {
  await writeFileAtomic(path, jsonText(value), mode);
}

/** Whether nobody writes this temporary file any more. */
async function isAbandoned(path: string, pid: number): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined); // Renamed into place meanwhile.
  if (stats === undefined) return false;
  const age = Date.now() - stats.mtimeMs;
  // Its writer had the pid that we have now: in a container the same pids come again.
  if (pid === process.pid) return age > process.uptime() * 1000;
  return statOf(pid)?.alive !== true || age > TEMPORARY_AGE_MS;
}

/** Removes what writers that were killed left in `folder`, which may be missing. */
export async function removeTemporaries(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of await readdir(folder)) {
    const pid = TEMPORARY.exec(name)?.[1];
    const path = join(folder, name);
    if (pid === undefined || !(await isAbandoned(path, Number(pid)))) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/** The text of `path`, or undefined when there is no such file. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  const bytes = await readBytesIfThere(path);
  return bytes?.toString("utf8");
}

/** The bytes of `path`, or undefined when there is no such file. */
export async function readBytesIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Where in `text` the character at `offset` is, as editors count. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/**
 * The text of a file's bytes; a mark at its beginning, as some editors write, is no part of it.
 * @throws InvalidInputError that tells where it is not text: to write it again would lose what was there
 */
export function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const text = new TextDecoder().decode(bytes);
    const place = placeOf(text, text.indexOf("\uFFFD"));
    throw new InvalidInputError(
      `Cannot read "${path}": ${place} is not UTF-8 text; correct it, nothing was changed`,
      { cause },
    );
  }
}

/** Where the first syntax error is, which the engine's own message does not tell. */
function placeOfJsonError(text: string): string {
  const errors: ParseError[] = [];
  try {
    parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return "it is nested too deeply and"; // The parser's stack is at its end.
  }
  return placeOf(text, errors[0]?.offset ?? text.length);
}

/**
 * Parses a file's bytes with `schema`.
 * @throws InvalidInputError that names the file, and line and column or the fields, when it does not parse
 */
function parseJsonFile<Schema extends z.ZodType>(
  path: string,
  bytes: Buffer,
  schema: Schema,
): z.output<Schema> {
  if (bytes.length > FILE_BYTES_MAX) {
    const size = (bytes.length / BYTES_PER_MB).toFixed(1);
    throw new InvalidInputError(
      `Cannot read "${path}": it has ${size} MB, the most is ${FILE_BYTES_MAX / BYTES_PER_MB}; correct it, nothing was changed`,
    );
  }
  const text = decodeText(path, bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(
      `Cannot read "${path}": ${placeOfJsonError(text)} is not valid JSON (${messageOf(cause)}); correct it, nothing was changed`,
      { cause },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot read "${path}": ${explain(parsed.error)}`, {
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
  const bytes = await readBytesIfThere(path);
  return bytes === undefined ? undefined : parseJsonFile(path, bytes, schema);
}
