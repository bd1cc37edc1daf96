/** A client that the owner lets in at a running Luna, with the owner's browser played by requests. */
import { z } from "zod";
import { ConsentAnswer } from "../../src/contract/oauth.ts";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { newPkce } from "./oauth-client.ts";
import type { Luna } from "./start-luna.ts";

const LOOPBACK_CALLBACK = "http://127.0.0.1:9/callback";
const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };

/**
 * What the owner's browser does with a client's address: it opens it, and the owner says yes.
 * @returns where the browser is sent then
 */
export async function allowInBrowser(
  { url, pageToken }: Pick<Luna, "url" | "pageToken">,
  session: string,
  address: string | URL,
): Promise<URL> {
  const opened = await fetch(address, {
    headers: { Cookie: session, ...NAVIGATION },
    redirect: "manual",
  });
  const asked = opened.headers.get("Location") ?? "";
  const id = /^\/consent\?request=([\w-]+)$/.exec(asked)?.[1];
  if (id === undefined) throw new Error(`The owner was not asked: ${opened.status} ${asked}`);
  const answer = await fetch(`${url}/auth/account/oauth/requests/${id}`, {
    method: "POST",
    headers: {
      ...{ Cookie: session, Origin: url, "Sec-Fetch-Site": "same-origin" },
      ...{ [PAGE_HEADER]: await pageToken(session), "Content-Type": "application/json" },
    },
    body: JSON.stringify({ decision: "allow" }),
  });
  if (!answer.ok) throw new Error(`The owner could not allow it: ${await answer.text()}`);
  return new URL(ConsentAnswer.parse(await answer.json()).location);
}

const Registered = z.object({ client_id: z.string() });
const Tokens = z.object({ access_token: z.string(), refresh_token: z.string() });

interface Wanted {
  name?: string;
  scope?: string;
  /** Left out for none. */
  resource?: string | null;
}

/** Registers a client, has the owner allow it, and returns what it got. */
export async function connectClient(luna: Luna, session: string, wanted: Wanted = {}) {
  const { name = "Test client", scope = "tools", resource = `${luna.url}/api/mcp` } = wanted;
  const registered = await fetch(`${luna.url}/api/register`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ client_name: name, redirect_uris: [LOOPBACK_CALLBACK] }),
  });
  const { client_id } = Registered.parse(await registered.json());
  const { verifier, challenge } = newPkce();
  const query = new URLSearchParams({
    ...{ response_type: "code", client_id, redirect_uri: LOOPBACK_CALLBACK, scope },
    ...{ code_challenge: challenge, code_challenge_method: "S256" },
    ...(resource === null ? {} : { resource }),
  });
  const to = await allowInBrowser(luna, session, `${luna.url}/api/authorize?${query}`);
  const answer = await fetch(`${luna.url}/api/token`, {
    method: "POST",
    body: new URLSearchParams({
      ...{ grant_type: "authorization_code", client_id, code_verifier: verifier },
      code: to.searchParams.get("code") ?? "",
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return { client_id, ...Tokens.parse(await answer.json()) };
}
