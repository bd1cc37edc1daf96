/** Which logs and which of their lines are wanted. */
import type { LogLevel } from "../contract/logs.ts";
import { InvalidInputError, messageOf, NotFoundError } from "../lib/errors.ts";
import type { Entry } from "./entries.ts";
import { type LogFile, logsIn } from "./log-file.ts";
import { isAtLeast } from "./parse-line.ts";

/** Only so much of a line is searched. */
const SEARCHED_LENGTH_MAX = 4_096;

export interface Filter {
  level?: LogLevel | undefined;
  /** Milliseconds since the epoch. */
  since?: number | undefined;
  grep?: RegExp | undefined;
}

export function matches(entry: Entry, { level, since, grep }: Filter): boolean {
  if (since !== undefined && entry.time < since) return false;
  if (level !== undefined && !isAtLeast(entry.line.level, level)) return false;
  return grep === undefined || grep.test(entry.text.slice(0, SEARCHED_LENGTH_MAX));
}

/** @throws InvalidInputError that says what is wrong with the pattern */
export function parsePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw new InvalidInputError(`Cannot search for "${pattern}": ${messageOf(cause)}`, { cause });
  }
}

/**
 * The logs of these folders by these names, or all of them.
 * @throws NotFoundError that lists the names there are
 */
export function selectLogs(
  folders: readonly string[],
  names: readonly string[] | undefined,
): LogFile[] {
  const known = new Map(logsIn(folders).map((file) => [file.name, file]));
  const unknown = names?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const list = [...known.keys()].join(", ");
    const there = list === "" ? "there are no logs yet" : `there are ${list}`;
    throw new NotFoundError(`Cannot show the log "${unknown}": ${there}`);
  }
  const wanted = names === undefined || names.length === 0 ? known.keys() : new Set(names);
  return [...wanted].flatMap((name) => known.get(name) ?? []);
}
