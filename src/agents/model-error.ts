/** The error of a model that is not there, refuses or fails. */
import { LunaError } from "../lib/errors.ts";

export interface ModelFailure {
  code: string;
  status: number;
  message: string;
  cause?: unknown;
  /** Whether the same request may work in a moment. */
  transient?: boolean;
  /** The server's `Retry-After`, as it came. */
  retryAfter?: string | undefined;
}

export class ModelError extends LunaError {
  readonly transient: boolean;
  readonly retryAfter: string | undefined;

  constructor({ code, status, message, cause, transient = false, retryAfter }: ModelFailure) {
    super({ code, status }, message, { cause });
    this.transient = transient;
    this.retryAfter = retryAfter;
  }
}
