/** How Luna signs in at an MCP server that wants OAuth: what the SDK's client asks for, out of the store and into it. */
import { randomBytes } from "node:crypto";
import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { OAuthSettings, RemoteUpstream } from "../contract/upstream.ts";
import type { UpstreamStore } from "./upstream-store.ts";

const STATE_BYTES = 16;

export interface SignInOptions {
  store: UpstreamStore;
  server: string;
  upstream: RemoteUpstream;
  /** What the manifest's secrets are. */
  variables: Readonly<Record<string, string | undefined>>;
  /** Where the browser brings the answer. */
  redirectUrl: string;
  /** The owner's browser has to go there. */
  onAuthorize(url: URL): void;
}

/** How the manifest says that Luna is known there; undefined where it registers, or names its document. */
function knownClient(
  { client_id, client_secret }: OAuthSettings,
  variables: SignInOptions["variables"],
) {
  if (client_id === undefined) return undefined;
  const secret = client_secret === undefined ? "" : (variables[client_secret.secret] ?? "");
  return { client_id, ...(secret === "" ? {} : { client_secret: secret }) };
}

/** A provider, and the state that the answer must have. */
export async function signInProvider(options: SignInOptions) {
  const { store, server, upstream, variables, redirectUrl, onAuthorize } = options;
  const owner = { server, url: upstream.url };
  const settings = typeof upstream.oauth === "boolean" ? {} : upstream.oauth;
  const known = knownClient(settings, variables);
  const scope = (await store.read(owner)).scope ?? settings.scope;
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
      token_endpoint_auth_method:
        known?.client_secret === undefined ? "none" : "client_secret_basic",
      ...(scope === undefined ? {} : { scope }),
    },
    ...(settings.client_metadata_url === undefined
      ? {}
      : { clientMetadataUrl: settings.client_metadata_url }),
    state: () => state,
    // The SDK reads back what it has given to be kept.
    clientInformation: async () => (known ?? (await store.read(owner)).client) as never,
    saveClientInformation: (client) => store.update(owner, { client }),
    tokens: async () => (await store.read(owner)).tokens as never,
    saveTokens: (tokens) => store.update(owner, { tokens }),
    redirectToAuthorization: async (address) => {
      // What a call was refused for is asked for with the next sign-in, beside what is asked for anyway.
      const before = (await store.read(owner)).scope ?? "";
      const asked = address.searchParams.get("scope") ?? "";
      const all = [...new Set(`${before} ${asked}`.split(" "))].filter((one) => one !== "");
      if (all.length > 0) {
        await store.update(owner, { scope: all.join(" ") });
        address.searchParams.set("scope", all.join(" "));
      }
      onAuthorize(address);
    },
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
