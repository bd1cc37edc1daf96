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

/** Each line of a value of several lines is looked for by itself, unless it could be anything. */
const LINE_LENGTH_MIN = 16;
/** Bytes that stand for themselves in base64, wherever in it a value begins. */
const BASE64_GROUP = 3;
/** Shorter pieces of base64 could be anything. */
const BASE64_LENGTH_MIN = 16;

/** The value within base64 of more than the value: without the ends that its neighbours have a part in. */
function inBase64(secret: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const skipped = before === 0 ? 0 : BASE64_GROUP - before;
    const bytes = Buffer.from(secret).subarray(skipped);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % BASE64_GROUP));
    const encoded = whole.toString("base64");
    return encoded.length < BASE64_LENGTH_MIN ? [] : [encoded, whole.toString("base64url")];
  });
}

/** JSON within JSON within a line of JSON. */
const JSON_DEPTH_MAX = 3;

/** A value as it may stand in text: as it is, in JSON (also in JSON within JSON), in an address, in base64. */
function formsOf(secret: string): string[] {
  if (secret.length < SECRET_LENGTH_MIN) return [];
  const lines = secret.split(/[\r\n]+/).filter((line) => line.length >= LINE_LENGTH_MIN);
  const inJson = [secret];
  for (let depth = 1; depth <= JSON_DEPTH_MAX; depth += 1) {
    inJson.push(JSON.stringify(inJson.at(-1)).slice(1, -1));
  }
  const inAddress = secret.isWellFormed() ? encodeURIComponent(secret) : secret;
  return [
    ...[...inJson, ...lines],
    ...[inAddress, inAddress.replaceAll("%20", "+"), ...inBase64(secret)],
  ];
}

/** Longer ones would make a pattern that takes long to build. */
const PATTERN_PART_MAX = 512;

/** What to look for. */
interface Forms {
  long: readonly string[];
  /** One pattern for all of them costs a line the same however many there are; a look for each does not. */
  short: RegExp | undefined;
}

/** By the array that they belong to, as the same secrets are looked for in each line. */
const FORMS = new WeakMap<readonly string[], Forms>();

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

function formsOfAll(secrets: readonly string[]): Forms {
  const known = FORMS.get(secrets);
  if (known !== undefined) return known;
  // The longest first: a part of it must not be found before the whole.
  const all = [...new Set(secrets.flatMap(formsOf))].sort(
    (one, other) => other.length - one.length,
  );
  const short = all.filter((form) => form.length <= PATTERN_PART_MAX);
  const forms: Forms = {
    long: all.filter((form) => form.length > PATTERN_PART_MAX),
    short: short.length === 0 ? undefined : new RegExp(short.map(escaped).join("|"), "g"),
  };
  FORMS.set(secrets, forms);
  return forms;
}

/**
 * Replaces every one of `secrets`, and whatever has the shape of a secret, in `text`.
 * @param secrets not changed afterwards: what is looked for is worked out once for each array
 */
export function redact(text: string, secrets: readonly string[]): string {
  const { long, short } = formsOfAll(secrets);
  let clean = text;
  for (const form of long) clean = clean.replaceAll(form, REDACTED);
  if (short !== undefined) clean = clean.replace(short, REDACTED);
  return clean.replace(SECRET_SHAPES, REDACTED);
}

/** Errors say what they are and where they come from; everything else is JSON already. */
function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  // What the system calls it, such as EADDRINUSE, stands in a field of its own.
  return { name, message, ...("code" in value ? { code: value.code } : {}), stack, cause };
}

type Sink = (line: string, level: Level) => void;

/** Standard error, which the supervisor has bound to the service's log file. */
const toStandardError = (lines: string): void => {
  // A full disk is told where it is read, not by ending whoever had something to tell.
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => undefined);
  process.stderr.write(lines);
};

/**
 * Lines that nobody waits for go out together with all others of their turn of the event loop: for who writes thousands
 * a second, as each write costs more than all else that is done for a line. What is killed in that turn loses them.
 */
export function gathered(sink: (lines: string) => void = toStandardError): Sink {
  let waiting = "";
  const flush = (): void => {
    const lines = waiting;
    waiting = "";
    if (lines !== "") sink(lines);
  };
  process.on("exit", flush);
  return (line, level) => {
    if (waiting === "") setImmediate(flush);
    waiting += line;
    if (level === "warn" || level === "error") flush();
  };
}

/**
 * A logger of JSON lines.
 * @param name the service, in each line as `service`
 * @param secrets values that must never be written; a function when more of them become known
 * @param sink where each line goes, newline included
 */
export function createLogger(
  name: string,
  secrets: readonly string[] | (() => readonly string[]) = [],
  sink: Sink = toStandardError,
): Logger {
  const known = typeof secrets === "function" ? secrets : () => secrets;
  const write = (level: Level, message: string, facts: Facts = {}): void => {
    const line = JSON.stringify(
      { time: new Date().toISOString(), level, service: name, message, ...facts },
      plain,
    );
    try {
      sink(`${redact(line, known())}\n`, level);
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
