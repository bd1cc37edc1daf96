/** Which client a request to the token endpoint is of, and whether it proves that (OAuth 2.1, 2.4). */
import type { OAuthClient, OAuthClients } from "./clients.ts";
import { OAuthError } from "./oauth-error.ts";

interface Presented {
  id: string | undefined;
  secret: string | undefined;
}

/** The two parts are form-encoded before they are joined (RFC 6749, 2.3.1). */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function basicOf(authorization: string | undefined): Presented | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { id: decoded(text.slice(0, colon)), secret: decoded(text.slice(colon + 1)) };
}

/** @throws OAuthError `invalid_client` */
export async function authenticate(
  authorization: string | undefined,
  form: { client_id?: string | undefined; client_secret?: string | undefined },
  clients: OAuthClients,
): Promise<OAuthClient> {
  const basic = basicOf(authorization);
  const { id, secret } = basic ?? { id: form.client_id, secret: form.client_secret };
  const named = form.client_id;
  if (id === undefined || (named !== undefined && named !== id)) {
    throw new OAuthError("invalid_client", "Cannot tell which client asks: client_id is missing");
  }
  const client = await clients.find(id);
  if (client === undefined) {
    throw new OAuthError(
      "invalid_client",
      "There is no such client any more: it was removed, or never let in; register again",
    );
  }
  if (!clients.isAuthentic(client, secret || undefined)) {
    throw new OAuthError("invalid_client", "The client's secret is missing or wrong");
  }
  return client;
}
