/** Refuses what the page of another site sends, as the transport's specification asks of every server. */
import { createMiddleware } from "hono/factory";
import { ForbiddenError } from "../../lib/errors.ts";

/** The host and port of `host` under the protocol of `origin`, which leaves out that protocol's own port. */
function isHostOf(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: expected } = new URL(origin);
  const address = `${protocol}//${host}`;
  return expected !== "" && URL.canParse(address) && new URL(address).host === expected;
}

/**
 * Only browsers send Origin, and then it must be the public host of this request: what Caddy was asked for,
 * or Host when nothing is in front (MCP 2025-11-25, Transports, Security Warning).
 */
export const requireSameOrigin = createMiddleware(async (context, next) => {
  const origin = context.req.header("Origin");
  const host = context.req.header("X-Forwarded-Host") ?? context.req.header("Host") ?? "";
  if (origin !== undefined && !isHostOf(origin, host)) {
    throw new ForbiddenError(
      `Cannot answer the page of "${origin}": only pages of this Luna may use its MCP servers`,
    );
  }
  await next();
});
