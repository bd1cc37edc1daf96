/** Reads what a client sends the owner's browser with to `/api/authorize` (OAuth 2.1, 4.1.1). */
import { MCP_PATH } from "../../../contract/oauth.ts";
import type { OAuthProblemCode } from "../../../contract/oauth-problem.ts";
import { isOwnAddress, publicOrigin } from "../../../lib/public-origin.ts";
import type { OAuthClient, OAuthClients } from "./clients.ts";
import { OAuthError } from "./oauth-error.ts";
import type { PendingRequest } from "./pending.ts";
import { isRegisteredRedirect } from "./redirect-uris.ts";
import { knownScopes, namesTools, wantedScope } from "./scope.ts";
import { CHALLENGE } from "./token-kinds.ts";

/** None of these may come twice (RFC 6749, 3.1); `resource` may. */
const SINGLE = [
  ...["client_id", "redirect_uri", "response_type", "response_mode", "state", "scope"],
  ...["code_challenge", "code_challenge_method"],
];
const STATE_LENGTH_MAX = 4_096;

/** Where the answer would go is not sure, so that only the owner is told. */
export class UntrustedRequest extends Error {
  readonly code: OAuthProblemCode;
  readonly client: OAuthClient | undefined;

  constructor(code: OAuthProblemCode, message: string, client?: OAuthClient) {
    super(message);
    this.code = code;
    this.client = client;
  }
}

async function clientOf(id: string | null, clients: OAuthClients): Promise<OAuthClient> {
  if (id === null || id === "") {
    throw new UntrustedRequest("unknown_client", "The request names no client_id");
  }
  try {
    const client = await clients.findNow(id);
    if (client !== undefined) return client;
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    throw new UntrustedRequest("client_document", error.message);
  }
  throw new UntrustedRequest("unknown_client", `There is no client "${id.slice(0, 200)}"`);
}

/** It may be left out where there is only one. */
function redirectOf(asked: string | null, client: OAuthClient): string {
  const [only, ...others] = client.redirect_uris;
  if (asked === null && only !== undefined && others.length === 0) return only;
  if (asked !== null && isRegisteredRedirect(client.redirect_uris, asked)) return asked;
  const is = asked === null ? "missing" : `"${asked.slice(0, 300)}"`;
  throw new UntrustedRequest(
    "redirect_uri",
    `The redirect_uri is ${is}, the client has registered ${client.redirect_uris.join(" ")}`,
    client,
  );
}

function codeFault(query: URLSearchParams): OAuthError | undefined {
  if (query.get("response_type") !== "code") {
    return new OAuthError("unsupported_response_type", 'The response_type should be "code"');
  }
  const mode = query.get("response_mode");
  if (mode !== null && mode !== "query") {
    return new OAuthError("invalid_request", 'The response_mode should be "query"');
  }
  // "plain" is what is meant where nothing is said (RFC 7636, 4.3).
  if (query.get("code_challenge_method") !== "S256") {
    return new OAuthError(
      "invalid_request",
      "PKCE is needed: code_challenge_method should be S256",
    );
  }
  if (!CHALLENGE.test(query.get("code_challenge") ?? "")) {
    return new OAuthError("invalid_request", "The code_challenge should be a SHA-256 in base64url");
  }
  return undefined;
}

/** The MCP server that is meant: said, or known by the scopes, which are of it alone. */
function resourceOf(
  query: URLSearchParams,
  publicUrl: string,
): { resource: string | null; fault?: OAuthError } {
  const named = query.getAll("resource");
  const foreign = named.find((address) => !isOwnAddress(address, publicUrl, MCP_PATH));
  if (foreign !== undefined) {
    const told = `The resource "${foreign.slice(0, 300)}" is not here, it should be ${publicUrl}${MCP_PATH}`;
    return { resource: null, fault: new OAuthError("invalid_target", told) };
  }
  const isMeant = named.length > 0 || namesTools(knownScopes(query.get("scope") ?? undefined));
  return { resource: isMeant ? `${publicUrl}${MCP_PATH}` : null };
}

interface ReadOptions {
  clients: OAuthClients;
  publicUrl: string;
  /** The issuer by the name at which the browser is. */
  asked: string;
}

/**
 * What is asked for; what can be told to the client is a `fault` of it.
 * @throws UntrustedRequest when nothing may go to where the client says that it is
 */
export async function readAuthorizeRequest(
  query: URLSearchParams,
  { clients, publicUrl, asked }: ReadOptions,
): Promise<PendingRequest> {
  const repeated = SINGLE.find((name) => query.getAll(name).length > 1);
  if (repeated !== undefined) {
    throw new UntrustedRequest("repeated_parameter", `The request has several ${repeated}`);
  }
  const client = await clientOf(query.get("client_id"), clients);
  const redirect_uri = redirectOf(query.get("redirect_uri"), client);
  const state = query.get("state") ?? undefined;
  const { resource, fault } = resourceOf(query, publicUrl);
  // The name that the client has for this Luna; signing in may have led the browser to another one.
  const named = fault === undefined ? query.get("resource") : null;
  const issuer = named === null ? asked : publicOrigin(publicUrl, new URL(named).host);
  const long =
    state !== undefined && state.length > STATE_LENGTH_MAX
      ? new OAuthError("invalid_request", `The state is over ${STATE_LENGTH_MAX} characters`)
      : undefined;
  return {
    ...{ client, redirect_uri, resource, issuer },
    state: long === undefined ? state : undefined,
    scope: wantedScope(query.get("scope") ?? undefined, resource !== null),
    challenge: query.get("code_challenge") ?? "",
    fault: codeFault(query) ?? fault ?? long,
  };
}
