/** Refuses what the page of another site sends, as the transport's specification asks of every server. */
import { createMiddleware } from "hono/factory";
import { noteRefusal } from "../../audit/refused-requests.ts";
import { MCP_REFUSALS } from "../../contract/mcp-connection.ts";
import { ForbiddenError } from "../../lib/errors.ts";
import { isOwnOrigin } from "../../lib/own-origin.ts";

/**
 * Only browsers send Origin, and then it must be the public host of this request: what Caddy was asked for,
 * or Host when nothing is in front (MCP 2025-11-25, Transports, Security Warning).
 */
export const requireSameOrigin = createMiddleware(async (context, next) => {
  const origin = context.req.header("Origin");
  if (origin !== undefined && !isOwnOrigin(origin, context.req.raw.headers)) {
    noteRefusal(context.req.raw, { reason: MCP_REFUSALS.foreign_page });
    throw new ForbiddenError(
      `Cannot answer the page of "${origin}": only pages of this Luna may use its MCP servers`,
    );
  }
  await next();
});
