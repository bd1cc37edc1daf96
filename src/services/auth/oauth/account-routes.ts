/** The owner's side of OAuth, `/auth/account/oauth/*`: what they are asked, and what they have allowed. */
import { Hono } from "hono";
import {
  ConsentDecision,
  type ConsentRequest,
  OAuthClientChoice,
  type OAuthClientList,
} from "../../../contract/oauth.ts";
import { OAUTH_PROBLEMS } from "../../../contract/oauth-problem.ts";
import { NotFoundError } from "../../../lib/errors.ts";
import { valid } from "../../../lib/valid.ts";
import { noteWith, requireSession } from "../account.ts";
import { ownPagesOnly, smallBody } from "../sign-in.ts";
import { refusalAddress } from "./authorize-routes.ts";
import type { Grant } from "./grants.ts";
import { OAuthError } from "./oauth-error.ts";
import type { OAuthDependencies, OAuthParts } from "./parts.ts";
import type { PendingRequest } from "./pending.ts";
import { redirectView, withAnswer } from "./redirect-uris.ts";
import { accessOf, readOnly } from "./scope.ts";
import { canRefresh } from "./token-exchange.ts";

/** An address that was allowed once stays what it was, also if it were not allowed any more. */
const viewOf = (uri: string) => redirectView(uri) ?? { kind: "web" as const, host: uri };

function asked({ client, redirect_uri, scope, resource, fault }: PendingRequest): ConsentRequest {
  const { id, name, kind, last_used_at } = client;
  return {
    client: {
      ...{ name, kind, is_known: last_used_at !== null },
      host: kind === "document" ? new URL(id).host : null,
    },
    redirect: viewOf(redirect_uri),
    access: accessOf(scope, resource),
    stays: canRefresh(client),
    fault: fault?.message ?? null,
  };
}

/** Of clients, what they may do now. */
export async function clientList({ clients, grants }: OAuthParts): Promise<OAuthClientList> {
  const byClient = Map.groupBy(await grants.list(), ({ client_id }) => client_id);
  const iso = (time: number): string => new Date(time).toISOString();
  const grantView = (grant: Grant) => ({
    id: grant.id,
    access: accessOf(grant.scope, grant.resource),
    redirect: viewOf(grant.redirect_uri),
    created_at: iso(grant.created_at),
    last_used_at: grant.last_used_at === null ? null : iso(grant.last_used_at),
    expires_at: iso(grant.expires_at),
  });
  const known = await clients.list();
  return {
    clients: known.map(({ id, name, kind, created_at }) => ({
      ...{ id, name, kind, created_at: iso(created_at) },
      grants: (byClient.get(id) ?? []).map(grantView),
    })),
  };
}

/** @returns its name @throws NotFoundError */
export async function removeClient({ clients }: OAuthParts, id: string): Promise<string> {
  const name = await clients.remove(id);
  if (name !== undefined) return name;
  throw new NotFoundError("Cannot remove this client: there is none of that id any more");
}

const gone = () => new NotFoundError(OAUTH_PROBLEMS.expired, { code: "expired" });

export function oauthAccountRoutes(dependencies: OAuthDependencies) {
  const { oauth, sessions, audit } = dependencies;
  const { clients, grants, pending } = oauth;
  const note = noteWith(audit);
  return new Hono()
    .basePath("/auth/account/oauth")
    .use(requireSession(sessions), ownPagesOnly)
    .get("/requests/:id", (context) => {
      const request = pending.find(context.req.param("id"), context.get("session").id);
      if (request === undefined) throw gone();
      return context.json(asked(request));
    })
    .post("/requests/:id", smallBody, valid("json", ConsentDecision), async (context) => {
      const session = context.get("session");
      const { decision, read_only } = context.req.valid("json");
      // Once: of two who answer at the same moment, one does.
      const request = pending.take(context.req.param("id"), session.id);
      if (request === undefined) throw gone();
      const { client, redirect_uri, resource, challenge, state, issuer, fault } = request;
      const about = { action: "oauth.consent", target: client.name };
      const facts = { client_id: client.id, redirect_uri };
      if (fault !== undefined || decision === "deny") {
        const refusal = fault ?? new OAuthError("access_denied", "The owner did not allow it");
        const details = { ...facts, reason: refusal.message };
        note(context, { ...about, outcome: "refused", details });
        return context.json({ location: refusalAddress(request, refusal) });
      }
      const scope = read_only && resource !== null ? readOnly(request.scope) : request.scope;
      const { user_id, method, github_id } = session;
      const by = { user_id, method, github_id };
      const what = { client, by, redirect_uri, scope, resource, challenge };
      const code = await grants.allow(what);
      await clients.noteUse(client.id);
      note(context, { ...about, details: { ...facts, scope } });
      return context.json({ location: withAnswer(redirect_uri, { code, state, iss: issuer }) });
    })
    .get("/clients", async (context) => context.json(await clientList(oauth)))
    .delete("/clients", valid("query", OAuthClientChoice), async (context) => {
      const { client_id } = context.req.valid("query");
      const target = await removeClient(oauth, client_id);
      note(context, { action: "oauth.remove", target, details: { client_id } });
      return context.json({ success: true });
    })
    .delete("/grants/:id", async (context) => {
      const id = context.req.param("id");
      if (!(await grants.revoke(id))) {
        throw new NotFoundError("Cannot end this connection: there is none of that id any more");
      }
      note(context, { action: "oauth.revoke", target: id });
      return context.json({ success: true });
    });
}
