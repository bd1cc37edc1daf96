/** The OAuth authorization server of `/api/mcp`: what clients send, what the owner is asked and shown, and what MCP asks auth. */
import { z } from "zod";
import { TokenFault } from "./mcp-connection.ts";

/** The main MCP server, the one resource that tokens are for. */
export const MCP_PATH = "/api/mcp";
/** RFC 9728, 3.1: the well-known part goes in front of the resource's path. */
export const RESOURCE_METADATA_PATH = `/.well-known/oauth-protected-resource${MCP_PATH}`;
/** RFC 8414, 3.1: the issuer has no path. */
export const SERVER_METADATA_PATH = "/.well-known/oauth-authorization-server";

/** What a token may do; everything that is there, or what tools call read-only themselves. */
export const TOOLS_SCOPE = "tools";
export const READ_SCOPE = "tools:read";
/** That the client wants to stay signed in; it may do nothing by itself. */
export const OFFLINE_SCOPE = "offline_access";

/** Registered by itself (RFC 7591), or known by the address of its own document. */
const OAuthClientKind = z.enum(["registered", "document"]);
export type OAuthClientKind = z.infer<typeof OAuthClientKind>;

const OAuthClientAuth = z.enum(["none", "client_secret_basic", "client_secret_post"]);
export type OAuthClientAuth = z.infer<typeof OAuthClientAuth>;

const REDIRECTS_MAX = 20;
const ADDRESS_LENGTH_MAX = 2_048;
const NAME_LENGTH_MAX = 100;
const SCOPE_LENGTH_MAX = 1_000;

/** Shown to the owner: one line, nothing that hides or turns text around. */
const ClientName = z
  .string()
  .transform((name) => name.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, " ").trim())
  .transform((name) => name.slice(0, NAME_LENGTH_MAX));
const Address = z.string().min(1).max(ADDRESS_LENGTH_MAX);

/** What is read of a client's metadata; RFC 7591 lets the rest be ignored. */
const ClientMetadata = z.object({
  client_name: ClientName.optional(),
  client_uri: Address.optional().catch(undefined),
  redirect_uris: z.array(Address).min(1).max(REDIRECTS_MAX),
  grant_types: z.array(z.string().max(100)).max(20).optional(),
  response_types: z.array(z.string().max(100)).max(20).optional(),
  token_endpoint_auth_method: z.string().max(100).optional(),
  scope: z.string().max(SCOPE_LENGTH_MAX).optional(),
  application_type: z.string().max(20).optional(),
});

/** `POST /api/register` (RFC 7591, 2). */
export const ClientRegistration = ClientMetadata;
export type ClientRegistration = z.infer<typeof ClientRegistration>;

/** A client's own document (Client ID Metadata Documents, 4). A shared secret has no place in it. */
export const ClientDocument = ClientMetadata.extend({
  client_id: Address,
  client_name: ClientName,
  client_secret: z.undefined("must not be there").optional(),
  client_secret_expires_at: z.undefined("must not be there").optional(),
});
export type ClientDocument = z.infer<typeof ClientDocument>;

/** Where a client gets its answer. */
export const RedirectView = z.object({
  /** On the web; in a program on the person's own computer; in an app that has a scheme of its own. */
  kind: z.enum(["web", "loopback", "app"]),
  /** The host, or the scheme of an app. */
  host: z.string(),
});
export type RedirectView = z.infer<typeof RedirectView>;

/** `GET /auth/account/oauth/requests/:id`: what the owner is asked. */
export const ConsentRequest = z.object({
  client: z.object({
    name: z.string(),
    kind: OAuthClientKind,
    /** Of a document: the host that vouches for the client. */
    host: z.string().nullable(),
    /** Whether the owner has let it in before. */
    is_known: z.boolean(),
  }),
  redirect: RedirectView,
  access: z.enum(["everything", "read_only", "nothing"]),
  /** Until it is revoked, or for an hour. */
  stays: z.boolean(),
  /** Why the client's request cannot be granted. */
  fault: z.string().nullable(),
});
export type ConsentRequest = z.infer<typeof ConsentRequest>;

/** `POST /auth/account/oauth/requests/:id`. */
export const ConsentDecision = z.strictObject({
  decision: z.enum(["allow", "deny"]),
  /** Less than was asked for. */
  read_only: z.boolean().default(false),
});
export type ConsentDecision = z.infer<typeof ConsentDecision>;

/** Where the browser goes with the answer. */
export const ConsentAnswer = z.object({ location: z.string() });

/** Something that the owner has allowed a client. */
const OAuthGrantView = z.object({
  id: z.string(),
  access: ConsentRequest.shape.access,
  redirect: RedirectView,
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime(),
});

export const OAuthClientView = z.object({
  id: z.string(),
  name: z.string(),
  kind: OAuthClientKind,
  created_at: z.iso.datetime(),
  grants: z.array(OAuthGrantView),
});
export type OAuthClientView = z.infer<typeof OAuthClientView>;

/** `GET /auth/account/oauth/clients`: those that the owner has let in. */
export const OAuthClientList = z.object({ clients: z.array(OAuthClientView) });
export type OAuthClientList = z.infer<typeof OAuthClientList>;

/** Names a client in a query, as its id may be an address. */
export const OAuthClientChoice = z.strictObject({ client_id: Address });

/** `POST /oauth/access`, for MCP only: whose the token with this hash is. */
export const AccessQuestion = z.strictObject({ token_hash: z.string().regex(/^[0-9a-f]{64}$/) });

export const AccessAnswer = z.object({
  /** null for a token that opens nothing now. */
  access: z
    .object({
      grant: z.string(),
      client_name: z.string(),
      scope: z.string(),
      resource: z.string().nullable(),
      /** Milliseconds since 1970. */
      expires_at: z.int(),
    })
    .nullable(),
  /** Why it opens nothing, and whose it is, for the audit log. */
  refusal: z.object({ fault: TokenFault, client_name: z.string().nullable() }).nullable(),
});
export type AccessAnswer = z.infer<typeof AccessAnswer>;
export type Access = NonNullable<AccessAnswer["access"]>;
export type AccessRefusal = NonNullable<AccessAnswer["refusal"]>;
