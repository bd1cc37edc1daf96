/** Refusals in the words of OAuth, and the answers that they become. */
import type { ErrorHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { databaseFailure } from "../../../db/failure.ts";
import { LunaError } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/log.ts";
import { retryAfterOf } from "../too-many.ts";

/** RFC 6749 4.1.2.1 and 5.2, RFC 7591 3.2.2, RFC 8707 2. */
type OAuthErrorCode =
  | "access_denied"
  | "invalid_client"
  | "invalid_client_metadata"
  | "invalid_grant"
  | "invalid_redirect_uri"
  | "invalid_request"
  | "invalid_scope"
  | "invalid_target"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "unsupported_response_type";

export class OAuthError extends LunaError {
  constructor(code: OAuthErrorCode, message: string, options: { status?: number } = {}) {
    const { status = code === "invalid_client" ? 401 : 400 } = options;
    super({ code, status }, message, {});
  }
}

/** What RFC 6749 lets a description be made of. */
export function description(message: string): string {
  return message.replaceAll('"', "'").replace(/[^\x20-\x7e]|\\/g, "?");
}

const SERVER_CODES: Readonly<Record<number, string>> = {
  429: "temporarily_unavailable",
  500: "server_error",
  503: "temporarily_unavailable",
};

function codeOf(error: LunaError): string {
  if (error instanceof OAuthError) return error.code;
  return SERVER_CODES[error.status] ?? "invalid_request";
}

function lunaErrorOf(thrown: unknown): LunaError | undefined {
  const known = databaseFailure(thrown) ?? thrown;
  if (known instanceof LunaError) return known;
  if (!(thrown instanceof HTTPException)) return undefined;
  return new LunaError({ code: "error", status: thrown.status }, thrown.message, {});
}

/** `{"error", "error_description"}`, as clients of OAuth read it. */
export function onOAuthError(log: Logger): ErrorHandler {
  return (thrown, context) => {
    const error = lunaErrorOf(thrown);
    const retryAfter = retryAfterOf(thrown);
    if (retryAfter !== undefined) context.header("Retry-After", retryAfter);
    if (error === undefined || error.status >= 500) {
      log.error("A request of an OAuth client failed", { path: context.req.path, error: thrown });
    }
    const message = error?.message ?? "Luna failed to answer this; its log says why";
    // What valid() refuses is 422 elsewhere; OAuth knows 400 alone.
    const status = error === undefined ? 500 : error.status === 422 ? 400 : error.status;
    if (status === 401) context.header("WWW-Authenticate", 'Basic realm="Luna"');
    return context.json(
      {
        error: error === undefined ? "server_error" : codeOf(error),
        error_description: description(message),
      },
      status as ContentfulStatusCode,
    );
  };
}
