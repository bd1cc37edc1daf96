/** The request that Caddy asks about, as far as its question tells of it. */
import type { Context } from "hono";
import type { AuditActor, AuditRecord } from "../../contract/audit.ts";
import { clientAddress } from "../../lib/client-address.ts";

/** The path and query that the browser asked for. */
export function publicUri(context: Context): string {
  return context.req.header("X-Forwarded-Uri") ?? "/";
}

/** The method that the browser used; a request without one is treated as one that changes something. */
export function publicMethod({ req }: Context): string {
  return req.header("X-Forwarded-Method") ?? "";
}

/** Nothing, for Caddy: it refuses a header that is missing or empty. */
export const NOTHING = "-";

/** Without its query, which may hold anything. */
export function refusedRequest(context: Context, actor: AuditActor, reason: string): AuditRecord {
  const [path = "/"] = publicUri(context).split("?");
  return {
    ...{ actor, action: "request.refused", target: path, outcome: "refused" },
    ...{ address: clientAddress(context.req), details: { reason, method: publicMethod(context) } },
  };
}
