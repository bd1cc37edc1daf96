/** Caddy asks whether a request may pass, and where it leads. */
import { type Context, Hono } from "hono";
import type { AuditTrail } from "../../audit/trail.ts";
import { type AuditRecord, STRANGER } from "../../contract/audit.ts";
import { EXPOSURE_HEADER } from "../../contract/exposure-header.ts";
import { PAGE_HEADER, type PagePolicy } from "../../contract/page-token.ts";
import { requireBearer } from "../../lib/app.ts";
import { assertionKey, signAssertion } from "../../lib/assertion.ts";
import { ForbiddenError, NotFoundError, UnauthorizedError } from "../../lib/errors.ts";
import { NOTHING, publicMethod, publicUri, refusedRequest } from "./edge-request.ts";
import { admitExposed, type ExposedDependencies } from "./exposed-service.ts";
import { isOwnDocument, type PageTokens } from "./page-token.ts";
import { changesSomething, refusalOf } from "./request-origin.ts";
import { signInAddress } from "./return-to.ts";
import type { RoutedPaths } from "./routed-paths.ts";
import { type RoutedTarget, routedTarget } from "./routed-target.ts";
import { isServicePath, serviceTarget } from "./service-target.ts";
import { readSessionCookie } from "./session-cookie.ts";
import type { Session, Sessions } from "./sessions.ts";
import { ownerOf } from "./sign-in.ts";
import { isNavigation } from "./visitor.ts";

export interface EdgeDependencies extends ExposedDependencies {
  sessions: Sessions;
  pages: PageTokens;
  paths: RoutedPaths;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  /** Milliseconds since 1970. */
  clock: () => number;
}

interface SignedIn {
  /** The session's own token. */
  token: string;
  session: Session;
}

/** Programs read answers of `/api`; a page of ours would read the sign-in page as one. */
const API = /^\/api(?:[/?]|$)/;

/** What the row that Caddy matched asks for; what nobody knows is the strictest. */
function pagePolicy({ req }: Context): PagePolicy {
  const page = req.query("page");
  return page === "issue" || page === "changes" || page === "none" ? page : "always";
}

/** Does what throws to refuse, and records that. */
function recording(
  audit: Pick<AuditTrail, "record">,
  refused: AuditRecord,
  check: () => void,
): void {
  try {
    check();
  } catch (error) {
    audit.record(refused);
    throw error;
  }
}

/** Where to, for Caddy; last of all, as `pass`. */
function lead(
  context: Context,
  target: Extract<RoutedTarget, { kind: "upstream" }>,
  exposure: string,
): void {
  context.header("X-Luna-Upstream", `127.0.0.1:${target.port}`);
  context.header("X-Luna-Scheme", target.scheme ?? "http");
  context.header("X-Luna-Prefix", target.prefix ?? NOTHING);
  context.header(EXPOSURE_HEADER, exposure);
}

export function edgeRoutes(dependencies: EdgeDependencies) {
  const { sessions, pages, paths, token, clock, audit } = dependencies;
  const internal = requireBearer(token, "auth's internal endpoints");
  const key = assertionKey(token);

  /**
   * Who is asking, or the answer to one who has to sign in.
   * @throws ForbiddenError, UnauthorizedError
   */
  const identify = async (context: Context): Promise<SignedIn | Response> => {
    const { headers } = context.req.raw;
    const method = publicMethod(context);
    const cookie = readSessionCookie(context);
    const refusal = refusalOf({ method, headers, hasCookie: cookie !== undefined });
    if (refusal !== undefined) {
      audit.record(refusedRequest(context, STRANGER, "foreign_page"));
      throw new ForbiddenError(refusal);
    }
    const session = cookie === undefined ? undefined : await sessions.find(cookie);
    if (cookie === undefined || session === undefined) {
      const uri = publicUri(context);
      if (!API.test(uri) && isNavigation(method, headers)) {
        return context.redirect(signInAddress(uri));
      }
      throw new UnauthorizedError(
        "Cannot pass without a session: sign in first, or where keys are taken send one as a bearer token",
      );
    }
    return { token: cookie, session };
  };

  /** Last of all: an answer that is a refusal goes to the client, who has no use for it. */
  const pass = (context: Context, { session }: SignedIn): Response => {
    const who = { subject: session.user_id, name: session.username, session: session.id };
    context.header("X-Luna-Identity", signAssertion(who, { key, now: clock() }));
    return context.body(null, 204);
  };

  return new Hono()
    .get("/verify", internal, async (context) => {
      const policy = pagePolicy(context);
      const signedIn = await identify(context);
      if (signedIn instanceof Response) return signedIn;
      const { headers } = context.req.raw;
      const method = publicMethod(context);
      if (policy === "always" || (policy === "changes" && changesSomething(method))) {
        const refused = refusedRequest(context, ownerOf(signedIn.session), "no_page_token");
        recording(audit, refused, () => pages.require(signedIn.token, headers));
      }
      const isIssued = policy === "issue" && isOwnDocument(method, headers);
      context.header(PAGE_HEADER, isIssued ? pages.of(signedIn.token) : NOTHING);
      return pass(context, signedIn);
    })
    .get("/route", internal, async (context) => {
      const uri = publicUri(context);
      const target = isServicePath(uri)
        ? serviceTarget(uri, await paths.readServices())
        : routedTarget(uri, await paths.read());
      const unknown = () =>
        new NotFoundError("No extension or service has this path; it may be misspelled");
      // Before the session: a program with a key and a misspelled address is not told to sign in.
      if (target.kind === "unknown" && API.test(uri)) throw unknown();
      if (target.kind === "upstream" && target.exposed !== undefined) {
        const exposure = await admitExposed(dependencies, context, target.exposed);
        if (exposure !== undefined) {
          lead(context, target, exposure);
          // Nobody in particular asks, so nobody's name goes along: a foreign page could borrow it.
          context.header("X-Luna-Identity", NOTHING);
          return context.body(null, 204);
        }
      }
      const signedIn = await identify(context);
      if (signedIn instanceof Response) return signedIn;
      switch (target.kind) {
        case "unknown":
          throw unknown();
        case "redirect":
          return context.redirect(target.location, 308);
        case "upstream":
          lead(context, target, NOTHING);
          return pass(context, signedIn);
      }
    });
}
