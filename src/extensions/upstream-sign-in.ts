/** How Luna signs in at an MCP server that wants OAuth: what the SDK's client asks for, out of the store and into it. */
import { randomBytes } from "node:crypto";
import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { UpstreamStore } from "./upstream-store.ts";

const STATE_BYTES = 16;

interface SignInOptions {
  store: UpstreamStore;
  server: string;
  url: string;
  /** Where the browser brings the answer. */
  redirectUrl: string;
  /** The owner's browser has to go there. */
  onAuthorize(url: URL): void;
}

/** A provider, and the state that the answer must have. */
export function signInProvider({ store, server, url, redirectUrl, onAuthorize }: SignInOptions) {
  const owner = { server, url };
  const state = randomBytes(STATE_BYTES).toString("base64url");
  let verifier = "";
  let discovery: unknown;
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: "Luna",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    state: () => state,
    // The SDK reads back what it has given to be kept.
    clientInformation: async () => (await store.read(owner)).client as never,
    saveClientInformation: (client) => store.update(owner, { client }),
    tokens: async () => (await store.read(owner)).tokens as never,
    saveTokens: (tokens) => store.update(owner, { tokens }),
    redirectToAuthorization: onAuthorize,
    saveCodeVerifier: (text) => {
      verifier = text;
    },
    codeVerifier: () => verifier,
    // The answer has to be of the very authorization server that was found at the beginning.
    saveDiscoveryState: (found) => {
      discovery = found;
    },
    discoveryState: () => discovery as never,
  };
  return { provider, state };
}
