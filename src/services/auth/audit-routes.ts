/** The audit log by page: for who is signed in, and for the command line. */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { AuditQuery } from "../../contract/audit.ts";
import { requireBearer } from "../../lib/app.ts";
import { UnauthorizedError } from "../../lib/errors.ts";
import { valid } from "../../lib/valid.ts";
import type { AuditKeeping } from "./audit-keeping.ts";
import { readSessionCookie } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";

export interface AuditDependencies {
  sessions: Sessions;
  auditLog: Pick<AuditKeeping, "page">;
  /** LUNA_AUTH_TOKEN. */
  token: string;
}

export function auditRoutes({ sessions, auditLog, token }: AuditDependencies) {
  const signedIn = createMiddleware(async (context, next) => {
    const cookie = readSessionCookie(context);
    const session = cookie === undefined ? undefined : await sessions.find(cookie);
    if (session === undefined) {
      throw new UnauthorizedError("Cannot show the audit log: sign in first");
    }
    await next();
  });
  return new Hono()
    .get("/auth/audit", signedIn, valid("query", AuditQuery), async (context) =>
      context.json(await auditLog.page(context.req.valid("query"))),
    )
    .get(
      "/audit",
      requireBearer(token, "auth's internal endpoints"),
      valid("query", AuditQuery),
      async (context) => context.json(await auditLog.page(context.req.valid("query"))),
    );
}
