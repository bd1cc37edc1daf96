/** Who may use which route: the class of every route that Luna's processes have, and what each class means. */
import { ROUTES, type Route } from "../../src/caddy/routes.ts";
import type { Operation } from "../../src/lib/openapi.ts";
import { type RouterName, routesOf } from "../support/routers.ts";

/**
 * - `token`: only with the token of that process; everything else is 401 before anything is looked at.
 * - `session`: only with the owner's session cookie, which Caddy hands on to auth alone.
 * - `server_key`: only with the key of the named MCP server.
 * - `access_token`: only with a token that the owner has allowed an MCP client.
 * - `proof`: whoever proves who they are; nothing else gets a 2xx.
 * - `open`: anyone, as it tells and changes nothing of value.
 */
export type Access = "token" | "session" | "server_key" | "access_token" | "proof" | "open";

export interface ClassifiedRoute extends Operation {
  router: RouterName;
  access: Access;
}

interface Rule {
  router: RouterName;
  /** A path as the router has it, or a beginning that ends in `*`; the first rule that fits counts. */
  path: string;
  method?: string;
  access: Access;
  why: string;
}

/** What is not for a token's holder alone says so here, and why; the rest of auth, mcp and hub has no class by itself. */
const RULES: readonly Rule[] = [
  { router: "supervisor", path: "/health", access: "open", why: "the bootstrap's watchdog asks" },
  { router: "supervisor", path: "*", access: "token", why: "the control plane" },
  { router: "agent", path: "/healthz", access: "open", why: "the supervisor's probe asks" },
  { router: "agent", path: "*", access: "token", why: "costs money, and runs tools" },
  { router: "auth", path: "/healthz", access: "open", why: "the supervisor's probe asks" },
  { router: "auth", path: "/verify", access: "token", why: "Caddy's question" },
  { router: "auth", path: "/route", access: "token", why: "Caddy's question" },
  { router: "auth", path: "/living-sessions", access: "token", why: "the supervisor's question" },
  { router: "auth", path: "/login-links", access: "token", why: "signs in without a proof" },
  { router: "auth", path: "/auth/me", access: "session", why: "tells who is signed in" },
  { router: "auth", path: "/auth/methods", access: "open", why: "the sign-in page asks" },
  { router: "auth", path: "/auth/login", access: "open", why: "leads to the sign-in page" },
  { router: "auth", path: "/auth/logout", access: "open", why: "ends only what comes along" },
  { router: "auth", path: "/auth/github", access: "open", why: "leads to GitHub" },
  { router: "auth", path: "/auth/callback", access: "proof", why: "GitHub's code signs in" },
  { router: "auth", path: "/passphrase", access: "token", why: "the command line's reset" },
  { router: "auth", path: "/auth/account/*", access: "session", why: "changes who may sign in" },
  { router: "auth", path: "/audit", access: "token", why: "the command line's audit log" },
  { router: "auth", path: "/auth/audit", access: "session", why: "tells who did what" },
  { router: "auth", path: "/auth/passphrase", access: "proof", why: "the passphrase signs in" },
  { router: "auth", path: "/auth/passkey/options", access: "open", why: "a challenge to sign" },
  {
    router: "auth",
    path: "/auth/passkey",
    access: "proof",
    why: "the passkey's signature signs in",
  },
  { router: "auth", path: "/auth/link", access: "proof", why: "the link's token signs in" },
  { router: "mcp", path: "/healthz", access: "open", why: "the supervisor's probe asks" },
  { router: "auth", path: "/oauth/access", access: "token", why: "MCP's question" },
  { router: "auth", path: "/oauth/clients", access: "token", why: "the command line's clients" },
  { router: "auth", path: "/.well-known/*", access: "open", why: "tells clients where to ask" },
  { router: "auth", path: "/api/authorize", access: "session", why: "asks the owner" },
  { router: "auth", path: "/api/register", access: "open", why: "opens nothing by itself" },
  { router: "auth", path: "/api/token", method: "OPTIONS", access: "open", why: "a preflight" },
  { router: "auth", path: "/api/token", access: "proof", why: "a code becomes tokens" },
  { router: "auth", path: "/api/revoke", method: "OPTIONS", access: "open", why: "a preflight" },
  { router: "auth", path: "/api/revoke", access: "proof", why: "ends what comes along" },
  { router: "mcp", path: "/api/mcp", access: "access_token", why: "runs tools" },
  { router: "mcp", path: "/api/mcp/", access: "access_token", why: "runs tools" },
  { router: "mcp", path: "/api/*", access: "server_key", why: "runs tools" },
  { router: "hub", path: "/healthz", access: "open", why: "the supervisor's probe asks" },
  { router: "hub", path: "/*", access: "open", why: "the same files for everyone" },
];

function fits({ path }: Pick<Rule, "path">, given: string): boolean {
  return path.endsWith("*") ? given.startsWith(path.slice(0, -1)) : path === given;
}

/** The class of a route; undefined when nobody said. */
function accessOf(router: RouterName, { method, path }: Operation): Access | undefined {
  return RULES.find(
    (rule) =>
      rule.router === router &&
      fits(rule, path) &&
      (rule.method === undefined || rule.method === method),
  )?.access;
}

/** What pages of other origins may read: it depends on nothing that a browser adds by itself. */
export function isForEveryPage({
  router,
  path,
}: Pick<ClassifiedRoute, "router" | "path">): boolean {
  return router === "auth" && /^\/(?:\.well-known\/|api\/(?:token|revoke|register)$)/.test(path);
}

/** Rules that fit no route any more. */
export function idleRules(): string[] {
  return RULES.filter(
    (rule) => !routesOf(rule.router).some((operation) => fits(rule, operation.path)),
  ).map(({ router, path }) => `${router} ${path}`);
}

const NAMES: readonly RouterName[] = ["supervisor", "agent", "auth", "mcp", "hub"];

/** Every route of every router, in the order of the routers; those without a class are listed apart. */
export function classifiedRoutes(): { routes: ClassifiedRoute[]; unclassified: string[] } {
  const routes: ClassifiedRoute[] = [];
  const unclassified: string[] = [];
  for (const router of NAMES) {
    for (const operation of routesOf(router)) {
      const access = accessOf(router, operation);
      if (access === undefined)
        unclassified.push(`${router} ${operation.method} ${operation.path}`);
      else routes.push({ ...operation, router, access });
    }
  }
  return { routes, unclassified };
}

/** The named MCP server that example paths lead to; everything else in them is called "none", and is not there. */
export const MCP_SERVER = "keyed";

/** A path that the pattern takes: `/services/none/start`, `/api/mcp-keyed/mcp`. */
export function concretePath(pattern: string, value = "none"): string {
  return pattern
    .replace(/:\w+\{mcp-[^}]*\}/g, `mcp-${MCP_SERVER}`)
    .replace(/:\w+\{([^}]*)\}\??/g, "$1")
    .replace(/:\w+/g, value)
    .replace(/\*$/, "x");
}

function takes({ paths }: Route, path: string): boolean {
  return paths.length === 0 || paths.some((pattern) => fits({ path: pattern }, path));
}

/** The row of the edge that a public path falls to: the first that takes it. */
export function rowOf(path: string): Route {
  const row = ROUTES.find((one) => takes(one, path));
  if (row === undefined) throw new Error(`No row takes "${path}"`);
  return row;
}

/**
 * The class that decides about a public path at the edge: the route's own where the edge lets everyone through to it,
 * the session's where it asks auth first.
 */
export function accessAtEdge(
  { router, access }: ClassifiedRoute,
  path: string,
  hasAuthorization: boolean,
): Access {
  const row = rowOf(path);
  const own = row.upstream === router ? access : "open";
  switch (row.access) {
    case "public":
    case "own":
      return own;
    case "key_or_session":
      return hasAuthorization ? own : "session";
    case "session":
    case "routed":
      return "session";
  }
}

/** Public paths by which a process's path might be reached: as it is, and under each prefix that Caddy takes off for it. */
export function publicPaths(router: RouterName, path: string): string[] {
  const prefixes = ROUTES.flatMap((row) =>
    row.upstream === router && "stripPrefix" in row && row.stripPrefix !== undefined
      ? [row.stripPrefix]
      : [],
  );
  return [path, ...prefixes.map((prefix) => prefix + path)];
}
