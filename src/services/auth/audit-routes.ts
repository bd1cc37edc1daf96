/** The audit log by page: for the Hub of who is signed in, and for the command line. */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { AuditQuery } from "../../contract/audit.ts";
import { requireBearer } from "../../lib/app.ts";
import { valid } from "../../lib/valid.ts";
import { requireSession } from "./account.ts";
import type { AuditKeeping } from "./audit-keeping.ts";
import type { PageTokens } from "./page-token.ts";
import { readSessionCookie } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";

export interface AuditDependencies {
  sessions: Sessions;
  pages: PageTokens;
  auditLog: Pick<AuditKeeping, "page">;
  /** LUNA_AUTH_TOKEN. */
  token: string;
}

export function auditRoutes({ sessions, pages, auditLog, token }: AuditDependencies) {
  // It tells what was called with what, and from where: nothing for an extension's page on the same origin.
  const hubOnly = createMiddleware(async (context, next) => {
    pages.require(readSessionCookie(context) ?? "", context.req.raw.headers);
    await next();
  });
  return new Hono()
    .get(
      "/auth/audit",
      requireSession(sessions),
      hubOnly,
      valid("query", AuditQuery),
      async (context) => context.json(await auditLog.page(context.req.valid("query"))),
    )
    .get(
      "/audit",
      requireBearer(token, "auth's internal endpoints"),
      valid("query", AuditQuery),
      async (context) => context.json(await auditLog.page(context.req.valid("query"))),
    );
}
