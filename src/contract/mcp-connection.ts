/** The steps by which an MCP client connects, as the audit log has them, and why one was refused, in words for people. */
import { z } from "zod";

/** Why an access token opened nothing. */
export const TokenFault = z.enum(["unknown", "not_for_access", "expired", "not_allowed"]);
export type TokenFault = z.infer<typeof TokenFault>;

export const TOKEN_FAULTS: Record<TokenFault, string> = {
  unknown:
    "its access token is not known here: it was revoked, or is of another Luna or an old one",
  not_for_access: "it brought a code or a refresh token where an access token belongs",
  expired: "its access token has expired: it has to get another with its refresh token",
  not_allowed: "its owner's GitHub account may not sign in any more, or what was allowed has ended",
};

/** Why a request to an MCP server was refused before anything else was looked at. */
export const MCP_REFUSALS = {
  no_token:
    "it brought no access token; the first request of each client that signs in is like that",
  key_for_main:
    "it brought an API key to /api/mcp, which takes access tokens alone: keys are for named servers",
  foreign_token: "its token is none of Luna's",
  other_resource: "its access token was asked for without resource=/api/mcp, or for something else",
  no_scope: "its access token has no scope that opens tools",
  no_key: "it brought no key",
  wrong_key: "its key is wrong, expired or revoked",
  key_not_for_this: "its key is not for this server",
  foreign_page: "it came from a page of another origin",
} as const;

/** Recorded once for each client and server, as far as MCP remembers: its first request that was let in. */
export const FIRST_REQUEST_ACTION = "mcp.connect";
/** Recorded when a client reads what there is to know about signing in. */
export const DISCOVERY_ACTION = "oauth.discover";
