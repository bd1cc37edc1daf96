/** Structured logging: one JSON object a line, with known secrets taken out before it is written. */

type Level = "debug" | "info" | "warn" | "error";
type Facts = Record<string, unknown>;

export interface Logger {
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
}

const REDACTED = "[redacted]";
/** Shorter values would redact ordinary words. */
const SECRET_LENGTH_MIN = 8;

/** What looks like a key or a bearer token, whoever made it. */
const SECRET_SHAPES =
  /\b(?:sk|ghp|gho|github_pat|xox[abp])[-_][A-Za-z0-9_-]{8,}|\bBearer\s+[A-Za-z0-9._~+/=-]{8,}/g;

/** Replaces every one of `secrets`, and whatever has the shape of a secret, in `text`. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret.length >= SECRET_LENGTH_MIN) clean = clean.replaceAll(secret, REDACTED);
  }
  return clean.replace(SECRET_SHAPES, REDACTED);
}

/** Errors say what they are and where they come from; everything else is JSON already. */
function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  // What the system calls it, such as EADDRINUSE, stands in a field of its own.
  return { name, message, ...("code" in value ? { code: value.code } : {}), stack, cause };
}

/** Standard error, which the supervisor has bound to the service's log file. */
const toStandardError = (line: string): void => {
  // A full disk is told where it is read, not by ending whoever had something to tell.
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => undefined);
  process.stderr.write(line);
};

/**
 * A logger of JSON lines.
 * @param name the service, in each line as `service`
 * @param secrets values that must never be written
 * @param sink where each line goes, newline included
 */
export function createLogger(
  name: string,
  secrets: readonly string[] = [],
  sink: (line: string) => void = toStandardError,
): Logger {
  const write = (level: Level, message: string, facts: Facts = {}): void => {
    const line = JSON.stringify(
      { time: new Date().toISOString(), level, service: name, message, ...facts },
      plain,
    );
    try {
      sink(`${redact(line, secrets)}\n`);
    } catch {
      // The line is lost; what it is about goes on.
    }
  };
  return {
    debug: (message, facts) => write("debug", message, facts),
    info: (message, facts) => write("info", message, facts),
    warn: (message, facts) => write("warn", message, facts),
    error: (message, facts) => write("error", message, facts),
  };
}
