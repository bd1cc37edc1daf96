/** The route table (specification 5) as data: who may pass on which public path, and where it leads. */
import type { PagePolicy } from "../contract/page-token.ts";
import type { CoreServiceName } from "../contract/process.ts";

/**
 * - `public`: anyone passes.
 * - `own`: anyone reaches the upstream, which checks for itself.
 * - `key_or_session`: an `Authorization` header goes through untouched and the upstream checks it;
 *   without one a session is needed, and Caddy adds the row's token.
 * - `session`: auth's verify endpoint decides first.
 * - `routed`: as `session`, and auth also answers which extension's process the path leads to. So
 *   the file stays the same, and no connection is cut, whatever is installed or moved.
 */
type AccessClass = "public" | "own" | "key_or_session" | "session" | "routed";

/** A process on loopback that a row may lead to. */
export type UpstreamName = CoreServiceName | "supervisor";

/** Variables of Caddy's environment; the Caddyfile holds their names only. */
export type TokenVariable = "SUPERVISOR_API_TOKEN" | "LUNA_EDGE_TOKEN" | "LUNA_AUTH_TOKEN";

interface Row {
  /** Unique; names the row's matcher in the Caddyfile. */
  name: string;
  /** Caddy's path patterns; none on the last row, which takes everything else. */
  paths: readonly string[];
  access: AccessClass;
}

/** Of what a page or a person types; of calls with something in them; of what a model or an app is given; of an archive. */
export type BodyMax = "64KiB" | "8MiB" | "32MiB" | "65MiB";

interface UpstreamRow extends Row {
  upstream: UpstreamName;
  bodyMax: BodyMax;
  /** Taken off the path before the upstream sees it. */
  stripPrefix?: string;
  /** What Caddy presents as `Authorization: Bearer` once a session was verified. */
  token?: TokenVariable;
  /** Only auth may see the session cookie. */
  cookies?: true;
}

interface OpenRoute extends UpstreamRow {
  access: "public" | "own";
}

/** The page token is asked for by row, as Caddy matched it: nothing has to read the path a second time. */
export interface SessionRoute extends UpstreamRow {
  access: "session" | "key_or_session";
  page: PagePolicy;
}

export type ProxiedRoute = OpenRoute | SessionRoute;

interface AnsweredRoute extends Row {
  access: "public";
  upstream: "caddy";
  status: number;
  body: string;
}

interface RoutedRoute extends Row {
  access: "routed";
  upstream: "extension";
}

export type Route = ProxiedRoute | RoutedRoute | AnsweredRoute;

/** The body of a fixed error, in the one shape of Luna's errors. */
export function errorBody(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}

/** `/prefix` and what is below it, but not `/prefix-and-more`. */
function under(prefix: string): readonly string[] {
  return [prefix, `${prefix}/*`];
}

/** In the order in which they are tried: the first row that matches is the only one. */
export const ROUTES: readonly Route[] = [
  {
    name: "healthz",
    paths: ["/healthz"],
    access: "public",
    upstream: "caddy",
    status: 200,
    body: JSON.stringify({ status: "ok" }),
  },
  {
    name: "auth",
    paths: ["/auth/*"],
    access: "public",
    upstream: "auth",
    bodyMax: "64KiB",
    cookies: true,
  },
  {
    name: "sign_in_page",
    paths: ["/login", "/assets/*", "/theme.js", "/favicon.svg"],
    access: "public",
    upstream: "hub",
    bodyMax: "64KiB",
  },
  {
    name: "well_known",
    paths: ["/.well-known/*"],
    access: "own",
    upstream: "auth",
    bodyMax: "64KiB",
  },
  // Where the owner's browser asks for a client; a session decides what comes of it.
  {
    name: "authorize",
    paths: ["/api/authorize"],
    access: "own",
    upstream: "auth",
    bodyMax: "64KiB",
    cookies: true,
  },
  // Where clients ask for themselves, each with its own proof.
  {
    name: "oauth",
    paths: ["/api/token", "/api/register", "/api/revoke"],
    access: "own",
    upstream: "auth",
    bodyMax: "64KiB",
  },
  {
    name: "mcp",
    // Names of extensions cannot begin with "mcp-" (src/contract/names.ts), so this shadows none.
    paths: [...under("/api/mcp"), "/api/mcp-*"],
    access: "own",
    upstream: "mcp",
    bodyMax: "32MiB",
  },
  {
    name: "agent",
    paths: under("/api/agent"),
    access: "key_or_session",
    // An agent can use every tool.
    page: "changes",
    upstream: "agent",
    bodyMax: "32MiB",
    stripPrefix: "/api/agent",
    token: "LUNA_EDGE_TOKEN",
  },
  {
    name: "agent_key",
    paths: ["/api/supervisor/agents/api-key"],
    access: "session",
    page: "always",
    upstream: "supervisor",
    bodyMax: "64KiB",
    stripPrefix: "/api/supervisor",
    token: "SUPERVISOR_API_TOKEN",
  },
  {
    name: "extension_upload",
    paths: ["/api/supervisor/extensions/upload"],
    access: "session",
    page: "changes",
    upstream: "supervisor",
    bodyMax: "65MiB",
    stripPrefix: "/api/supervisor",
    token: "SUPERVISOR_API_TOKEN",
  },
  {
    name: "supervisor",
    paths: under("/api/supervisor"),
    access: "session",
    page: "changes",
    upstream: "supervisor",
    bodyMax: "8MiB",
    stripPrefix: "/api/supervisor",
    token: "SUPERVISOR_API_TOKEN",
  },
  {
    name: "external_services",
    paths: under("/api/external-services"),
    access: "session",
    page: "changes",
    upstream: "supervisor",
    bodyMax: "8MiB",
    token: "SUPERVISOR_API_TOKEN",
  },
  {
    name: "extensions",
    paths: ["/ext/*", "/ext_service/*", "/api/*"],
    access: "routed",
    upstream: "extension",
  },
  {
    name: "no_api",
    paths: ["/api"],
    access: "public",
    upstream: "caddy",
    status: 404,
    body: errorBody("not_found", "There is no such API; its path may be misspelled"),
  },
  // The page around an extension's UI, whose scripts can reach into it: never with a token.
  {
    name: "framed_app",
    paths: ["/apps/*"],
    access: "session",
    page: "none",
    upstream: "hub",
    bodyMax: "64KiB",
  },
  {
    name: "hub",
    paths: [],
    access: "session",
    page: "issue",
    upstream: "hub",
    bodyMax: "64KiB",
  },
];
