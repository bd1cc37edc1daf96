/** What every HTTP app of Luna has in common: errors in one shape, a check of Host, a check of the token. */

import type { Context, ErrorHandler, MiddlewareHandler, NotFoundHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ForbiddenError, LunaError, UnauthorizedError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { withFacts } from "./route-facts.ts";
import { sameSecret } from "./secret.ts";

function answer(context: Context, error: LunaError): Response {
  const { code, message, details } = error;
  const body = { error: { code, message, ...(details === undefined ? {} : { details }) } };
  if (error.status === 401) context.header("WWW-Authenticate", "Bearer");
  for (const [name, value] of Object.entries(error.headers)) context.header(name, value);
  return context.json(body, error.status as ContentfulStatusCode);
}

/** Renders what was thrown; what nobody foresaw is logged, and told without its inner text. */
export function onError(log: Logger): ErrorHandler {
  return (thrown, context) => {
    if (thrown instanceof LunaError) {
      if (thrown.status >= 500)
        log.warn(thrown.message, { code: thrown.code, cause: thrown.cause });
      return answer(context, thrown);
    }
    if (thrown instanceof HTTPException) {
      const kind = {
        code: thrown.status === 400 ? "invalid_input" : "error",
        status: thrown.status,
      };
      return answer(context, new LunaError(kind, thrown.message, {}));
    }
    log.error("A request failed unexpectedly", { path: context.req.path, error: thrown });
    const kind = { code: "internal", status: 500 };
    return answer(context, new LunaError(kind, "Luna failed to answer this; its log says why", {}));
  };
}

export const onNotFound: NotFoundHandler = (context) =>
  context.json(
    {
      error: {
        code: "not_found",
        message: `There is no ${context.req.method} ${context.req.path}`,
      },
    },
    404,
  );

const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;

/**
 * Refuses requests whose Host is not loopback: a page whose name was rebound to 127.0.0.1 gets nothing.
 * Caddy rewrites Host towards core services; the public name is in X-Forwarded-Host.
 */
export const loopbackHost: MiddlewareHandler = createMiddleware(async (context, next) => {
  const host = context.req.header("Host") ?? "";
  if (!LOOPBACK_HOST.test(host)) {
    throw new ForbiddenError("Cannot answer this Host: internal ports are for this machine only");
  }
  await next();
});

/** The token in the value of an `Authorization: Bearer` header (RFC 6750; the scheme is case-insensitive), or "". */
export function bearerIn(authorization: string): string {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
}

export function bearerOf(request: { header(name: string): string | undefined }): string {
  return bearerIn(request.header("Authorization") ?? "");
}

/** Asks for `token` as a bearer token. */
export function requireBearer(token: string, what: string): MiddlewareHandler {
  const guard = createMiddleware(async (context, next) => {
    if (!sameSecret(bearerOf(context.req), token)) {
      throw new UnauthorizedError(`Cannot use ${what}: the bearer token is missing or wrong`);
    }
    await next();
  });
  return withFacts(guard, { guard: what });
}
