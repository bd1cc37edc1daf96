/** Auth's HTTP app: sign-in and the account under `/auth`, the OAuth authorization server under `/api`, Caddy's question under `/verify`. */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { databaseFailure } from "../../db/failure.ts";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import { UnavailableError } from "../../lib/errors.ts";
import { type AccountDependencies, accountRoutes } from "./account-routes.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import { type AuditDependencies, auditRoutes } from "./audit-routes.ts";
import { type EdgeDependencies, edgeRoutes } from "./edge-routes.ts";
import { type GithubDependencies, githubRoutes } from "./github-routes.ts";
import { type InternalDependencies, internalRoutes } from "./internal-routes.ts";
import { oauthAccountRoutes } from "./oauth/account-routes.ts";
import { authorizeRoutes } from "./oauth/authorize-routes.ts";
import { type OAuthInternalDependencies, oauthInternalRoutes } from "./oauth/internal-routes.ts";
import { metadataRoutes } from "./oauth/metadata-routes.ts";
import type { OAuthDependencies } from "./oauth/parts.ts";
import { registerRoutes } from "./oauth/register-routes.ts";
import { tokenRoutes } from "./oauth/token-routes.ts";
import { type PasskeyDependencies, passkeyRoutes } from "./passkey-routes.ts";
import { changesSomething } from "./request-origin.ts";
import { readSessionCookie } from "./session-cookie.ts";
import { type SignInDependencies, signInRoutes } from "./sign-in-routes.ts";
import { retryAfterOf } from "./too-many.ts";

export type AuthDependencies = SignInDependencies &
  GithubDependencies &
  PasskeyDependencies &
  AccountDependencies &
  AuditDependencies &
  EdgeDependencies &
  OAuthDependencies &
  OAuthInternalDependencies &
  InternalDependencies & {
    /** Counted apart, so that junk passphrases keep no passkey out. */
    passkeyAttempts: AttemptLimit;
  };
export type AuthApp = ReturnType<typeof createAuthApp>;

/** A database that hangs holds nobody's request longer. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Answers depend on cookies and on the moment: no cache may keep them. */
const noStore = createMiddleware(async (context, next) => {
  context.header("Cache-Control", "no-store");
  await next();
});

const answerInTime = createMiddleware(async (_context, next) => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new UnavailableError("Cannot answer in time: the database is too slow")),
    ANSWER_TIMEOUT_MS,
  );
  try {
    await Promise.race([next(), promise]);
  } finally {
    clearTimeout(timer);
  }
});

/** What changes something of the owner's account is for the Hub's own pages, also where it is reached without a verify. */
function ownPages({ pages }: Pick<EdgeDependencies, "pages">) {
  return createMiddleware(async (context, next) => {
    const { method, raw } = context.req;
    // Without a session there is nothing to change; who has none is told so by the route.
    const session = readSessionCookie(context);
    if (changesSomething(method) && session !== undefined) pages.require(session, raw.headers);
    await next();
  });
}

export function createAuthApp(dependencies: AuthDependencies) {
  const answerError = onError(dependencies.log);
  return new Hono()
    .use(noStore, loopbackHost, answerInTime)
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .use("/auth/account/*", ownPages(dependencies))
    .route("/", signInRoutes(dependencies))
    .route("/", githubRoutes(dependencies))
    .route("/", passkeyRoutes({ ...dependencies, attempts: dependencies.passkeyAttempts }))
    .route("/", accountRoutes(dependencies))
    .route("/", oauthAccountRoutes(dependencies))
    .route("/", metadataRoutes(dependencies))
    .route("/", authorizeRoutes(dependencies))
    .route("/", registerRoutes(dependencies))
    .route("/", tokenRoutes(dependencies))
    .route("/", oauthInternalRoutes(dependencies))
    .route("/", auditRoutes(dependencies))
    .route("/", edgeRoutes(dependencies))
    .route("/", internalRoutes(dependencies))
    .notFound(onNotFound)
    .onError((thrown, context) => {
      const retryAfter = retryAfterOf(thrown);
      if (retryAfter !== undefined) context.header("Retry-After", retryAfter);
      return answerError(databaseFailure(thrown) ?? thrown, context);
    });
}
