/** Tells a database that cannot be used right now from a query that is wrong. */
import { SQLiteError } from "bun:sqlite";
import { UnavailableError } from "../lib/errors.ts";

/** Locked, full, unreadable: https://sqlite.org/rescode.html. */
const SQLITE_UNAVAILABLE = /^SQLITE_(?:BUSY|LOCKED|FULL|IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN)/;
/** The driver's own codes, and the system's. */
const CONNECTION = /^(?:CONNECT_TIMEOUT|CONNECTION_[A-Z]+|E[A-Z]{3,})$/;
/** Connection, resources, shutdown, system: https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const SQLSTATE_UNAVAILABLE = /^(?:08|53|57|58)[0-9A-Z]{3}$/;
/** Drizzle wraps what the driver threw, once. */
const CAUSES_MAX = 3;

function isUnavailable(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !("code" in thrown)) return false;
  const code = String(thrown.code);
  if (thrown instanceof SQLiteError) return SQLITE_UNAVAILABLE.test(code);
  return CONNECTION.test(code) || SQLSTATE_UNAVAILABLE.test(code);
}

/** Whether a row could not be written because the one that it belongs to was removed a moment ago. */
export function isOrphan(thrown: unknown): boolean {
  let cause = thrown;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    const code = "code" in cause ? String(cause.code) : "";
    if (code === "SQLITE_CONSTRAINT_FOREIGNKEY" || code === "23503") return true;
    cause = cause.cause;
  }
  return false;
}

/**
 * What a caller is told when the database is down, locked or full; undefined when `thrown` is something else.
 * The cause is for the log: it names hosts and files.
 */
export function databaseFailure(thrown: unknown): UnavailableError | undefined {
  let cause = thrown;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if (isUnavailable(cause)) {
      return new UnavailableError(
        "Cannot use Luna's database right now: it is down, locked or full; the log says which",
        { cause },
      );
    }
    cause = cause.cause;
  }
  return undefined;
}
