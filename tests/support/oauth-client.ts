/** An OAuth client and the owner's browser, as requests to auth: for tests of what comes of each step. */
import { createHash, randomBytes } from "node:crypto";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { type AuthHarness, CHECK_TOKEN, PUBLIC_HOST } from "./auth-harness.ts";

export const ISSUER = `http://${PUBLIC_HOST}`;
export const RESOURCE = `${ISSUER}/api/mcp`;
export const CALLBACK = "https://client.example/callback";
export const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
const OWN_PAGE = { Origin: ISSUER, "Sec-Fetch-Site": "same-origin" };

export interface Tokens {
  access_token: string;
  refresh_token: string;
  scope?: string;
  expires_in: number;
  token_type: string;
}

export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A verifier, and what it is sent as first. */
export function newPkce() {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

export type Client = { client_id: string; client_secret?: string } & Record<string, unknown>;

/** The steps of one client at `auth`. */
export function oauthSteps(auth: AuthHarness) {
  const register = (metadata: object = {}): Promise<Response> =>
    auth.post("/api/register", {
      client_name: "Test client",
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      ...metadata,
    });
  const registered = async (metadata: object = {}): Promise<Client> => {
    const answer = await register(metadata);
    if (answer.status !== 201) throw new Error(await answer.text());
    return (await answer.json()) as Client;
  };
  const form = (
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    auth.request(path, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  /** What the browser with `cookie` is answered at `/api/authorize`. */
  const authorize = (
    query: Record<string, string> | URLSearchParams,
    cookie?: string,
  ): Promise<Response> =>
    auth.request(`/api/authorize?${new URLSearchParams(query)}`, {
      headers: { ...NAVIGATION, ...(cookie === undefined ? {} : { Cookie: cookie }) },
    });
  const usual = ({ client_id }: Client, challenge: string): Record<string, string> => ({
    ...{ response_type: "code", client_id, redirect_uri: CALLBACK, state: "the state" },
    ...{ code_challenge: challenge, code_challenge_method: "S256" },
    ...{ resource: RESOURCE, scope: "tools" },
  });
  const idIn = (answer: Response): string => {
    const id = /^\/consent\?request=([A-Za-z0-9_-]{43})$/.exec(
      answer.headers.get("Location") ?? "",
    )?.[1];
    if (id === undefined) throw new Error(`Not asked: ${answer.headers.get("Location")}`);
    return id;
  };
  const asked = (id: string, cookie: string): Promise<Response> =>
    auth.request(`/auth/account/oauth/requests/${id}`, { headers: { Cookie: cookie } });
  const decide = async (
    id: string,
    cookie: string,
    decision: object = { decision: "allow" },
    page?: string,
  ): Promise<Response> =>
    auth.post(`/auth/account/oauth/requests/${id}`, decision, {
      ...{ Cookie: cookie, ...OWN_PAGE, [PAGE_HEADER]: page ?? (await auth.pageOf(cookie)) },
    });
  /** Where the browser is sent once the owner has decided. */
  const locationOf = async (answer: Response): Promise<URL> => {
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return new URL(((await answer.json()) as { location: string }).location);
  };
  const codeFor = async (
    client: Client,
    more: Record<string, string> = {},
    decision?: object,
  ): Promise<{ code: string; verifier: string; cookie: string }> => {
    const { verifier, challenge } = newPkce();
    const cookie = await auth.signIn();
    const answer = await authorize({ ...usual(client, challenge), ...more }, cookie);
    const to = await locationOf(await decide(idIn(answer), cookie, decision));
    return { code: to.searchParams.get("code") ?? "", verifier, cookie };
  };
  const redeem = (
    client: Client,
    { code, verifier }: { code: string; verifier: string },
    more: Record<string, string> = {},
  ): Promise<Response> =>
    form("/api/token", {
      ...{ grant_type: "authorization_code", client_id: client.client_id, code },
      ...{ code_verifier: verifier, redirect_uri: CALLBACK, resource: RESOURCE, ...more },
    });
  const refresh = (
    client: Client,
    refresh_token: string,
    more: Record<string, string> = {},
  ): Promise<Response> =>
    form("/api/token", {
      ...{ grant_type: "refresh_token", client_id: client.client_id, refresh_token, ...more },
    });
  const tokensFor = async (
    client: Client,
    more: Record<string, string> = {},
    decision?: object,
  ): Promise<Tokens> => {
    const answer = await redeem(client, await codeFor(client, more, decision));
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Tokens;
  };
  /** What MCP is told of a token. */
  const told = async (token: string) => {
    const answer = await auth.post(
      "/oauth/access",
      { token_hash: hashOf(token) },
      { Authorization: `Bearer ${CHECK_TOKEN}` },
    );
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as {
      access: Record<string, unknown> | null;
      refusal: Record<string, unknown> | null;
    };
  };
  const access = async (token: string) => (await told(token)).access;
  return {
    ...{ register, registered, form, authorize, usual, idIn, asked, decide, locationOf },
    ...{ codeFor, redeem, refresh, tokensFor, told, access },
  };
}
