/** `/api/authorize`: where a client's request reaches the owner's browser, and goes on to be asked about. */
import { type Context, Hono } from "hono";
import { STRANGER } from "../../../contract/audit.ts";
import { OAUTH_PROBLEMS } from "../../../contract/oauth-problem.ts";
import { clientAddress } from "../../../lib/client-address.ts";
import { ForbiddenError, UnauthorizedError } from "../../../lib/errors.ts";
import { signInAddress } from "../return-to.ts";
import type { Session } from "../sessions.ts";
import { ownerOf, sessionOf } from "../sign-in.ts";
import { isNavigation } from "../visitor.ts";
import { readAuthorizeRequest, UntrustedRequest } from "./authorize-request.ts";
import { issuerOf } from "./metadata-routes.ts";
import { description, type OAuthError } from "./oauth-error.ts";
import type { OAuthDependencies } from "./parts.ts";
import type { PendingRequest } from "./pending.ts";
import { redirectView, withAnswer } from "./redirect-uris.ts";

/** The Hub's page that asks. */
const CONSENT_PAGE = "/consent";

/** Where the browser takes a refusal to. */
export function refusalAddress(
  { redirect_uri, state, issuer }: PendingRequest,
  { code, message }: Pick<OAuthError, "code" | "message">,
): string {
  const told = { error: code, error_description: description(message), state, iss: issuer };
  return withAnswer(redirect_uri, told);
}

interface Noted {
  /** The client's name. */
  target?: string;
  /** Why it was refused. */
  reason?: string;
  /** How far it came. */
  step?: string;
}

export function authorizeRoutes(dependencies: OAuthDependencies) {
  const { oauth, sessions, audit, publicUrl } = dependencies;
  const { clients, grants, pending } = oauth;

  const note = (context: Context, session: Session | undefined, what: Noted) =>
    audit.record({
      actor: session === undefined ? STRANGER : ownerOf(session),
      ...{ action: "oauth.authorize", target: what.target ?? null },
      outcome: what.reason === undefined ? "ok" : "refused",
      address: clientAddress(context.req),
      details: {
        client_id: context.req.query("client_id") ?? "",
        redirect_uri: context.req.query("redirect_uri") ?? "",
        ...(what.reason === undefined ? {} : { reason: what.reason }),
        ...(what.step === undefined ? {} : { step: what.step }),
      },
    });

  /** A refusal goes back by itself only to where the owner has let it go before, or to their own computer. */
  const mayReturn = async ({ client, redirect_uri }: PendingRequest): Promise<boolean> =>
    redirectView(redirect_uri)?.kind === "loopback" || grants.isKnown(client.id, redirect_uri);

  return new Hono().get("/api/authorize", async (context) => {
    const { req } = context;
    const { search, searchParams } = new URL(req.url);
    // Before anything is looked at: who is not signed in has nothing fetched, kept or redirected for them.
    const session = await sessionOf(context, sessions);
    if (!isNavigation(req.method, req.raw.headers)) {
      note(context, session, { reason: "a program asked for it, and not a browser" });
      if (session === undefined) throw new UnauthorizedError("Not signed in");
      throw new ForbiddenError(
        "Cannot ask the owner from here: a browser has to go to this address",
      );
    }
    if (session === undefined) {
      note(context, session, { step: "a browser that is not signed in yet: sent to sign-in" });
      return context.redirect(signInAddress(`/api/authorize${search}`));
    }
    const asked = issuerOf(context, publicUrl);
    try {
      const request = await readAuthorizeRequest(searchParams, { clients, publicUrl, asked });
      const { client, fault } = request;
      note(context, session, {
        target: client.name,
        ...(fault === undefined ? {} : { reason: fault.message }),
      });
      if (fault !== undefined && (await mayReturn(request))) {
        return context.redirect(refusalAddress(request, fault));
      }
      return context.redirect(`${CONSENT_PAGE}?request=${pending.begin(request, session.id)}`);
    } catch (error) {
      if (!(error instanceof UntrustedRequest)) throw error;
      const { code, client, message } = error;
      note(context, session, {
        ...(client === undefined ? {} : { target: client.name }),
        reason: `${OAUTH_PROBLEMS[code]} (${message})`,
      });
      return context.redirect(`${CONSENT_PAGE}?problem=${code}`);
    }
  });
}
