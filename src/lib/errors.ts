/** Errors that a caller can act on: few kinds, each with its code and HTTP status. */

interface LunaErrorOptions {
  /** Facts for the caller, sent along; never a secret. */
  details?: unknown;
  /** What led to this, for the log only. */
  cause?: unknown;
  /** Headers of the answer, such as Retry-After. */
  headers?: Readonly<Record<string, string>>;
  /** A narrower code than the kind's own, such as `llm_not_configured`. */
  code?: string;
}

/**
 * The base of every error that is meant for a caller.
 * Text says `Cannot <action> "<thing>": <what is, what should be>`.
 */
export class LunaError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: { code: string; status: number }, message: string, options: LunaErrorOptions) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code ?? kind.code;
    this.status = kind.status;
    this.details = options.details;
    this.headers = options.headers ?? {};
  }
}

export class InvalidInputError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "invalid_input", status: 422 }, message, options);
  }
}

export class UnauthorizedError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "unauthorized", status: 401 }, message, options);
  }
}

export class ForbiddenError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "forbidden", status: 403 }, message, options);
  }
}

export class NotFoundError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "not_found", status: 404 }, message, options);
  }
}

export class ConflictError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "conflict", status: 409 }, message, options);
  }
}

/** The request must say what it was made from (RFC 6585, 3). */
export class PreconditionRequiredError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "precondition_required", status: 428 }, message, options);
  }
}

export class TooManyError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "too_many", status: 429 }, message, options);
  }
}

export class UpstreamError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "upstream", status: 502 }, message, options);
  }
}

export class UnavailableError extends LunaError {
  constructor(message: string, options: LunaErrorOptions = {}) {
    super({ code: "unavailable", status: 503 }, message, options);
  }
}

/** The message of anything thrown, for a log line or a sentence. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
