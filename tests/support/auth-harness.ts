/** Auth's app on a real database with a clock of its own, asked the way Caddy and a browser would ask. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeploymentMode, MasterConfig } from "../../src/contract/config.ts";
import { PAGE_HEADER, type PagePolicy } from "../../src/contract/page-token.ts";
import { openDatabase } from "../../src/db/open.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import type { Logger } from "../../src/lib/log.ts";
import type { Network } from "../../src/lib/public-request.ts";
import { createAuthApp } from "../../src/services/auth/app.ts";
import { AuditKeeping } from "../../src/services/auth/audit-keeping.ts";
import { ensureOwner, OWNER_ID } from "../../src/services/auth/owner.ts";
import { PageTokens } from "../../src/services/auth/page-token.ts";
import { createParts } from "../../src/services/auth/parts.ts";
import { RoutedPaths } from "../../src/services/auth/routed-paths.ts";
import { ServiceKeyCheck } from "../../src/services/auth/service-keys.ts";
import { MemoryTrail } from "./memory-trail.ts";

/** What MCP asks with. */
export const CHECK_TOKEN = "the-check-token-of-this-test";
export const AUTH_TOKEN = "the-internal-token-of-this-test";
export const PUBLIC_HOST = "luna.example:8443";
const START = 1_800_000_000_000;

/** What was logged, as JSON lines. */
class MemoryLog implements Logger {
  readonly lines: string[] = [];
  #write(level: string, message: string, facts: object = {}): void {
    this.lines.push(JSON.stringify({ level, message, ...facts }));
  }
  debug = (message: string, facts?: object): void => this.#write("debug", message, facts);
  info = (message: string, facts?: object): void => this.#write("info", message, facts);
  warn = (message: string, facts?: object): void => this.#write("warn", message, facts);
  error = (message: string, facts?: object): void => this.#write("error", message, facts);
}

export interface Clock {
  now: number;
}

export type AuthHarness = Awaited<ReturnType<typeof startAuth>>;

interface AuthSetup {
  time?: Clock;
  token?: string;
  /** The table of extensions' paths; without one there is none. */
  routes?: string;
  /** The same of external services. */
  serviceRoutes?: string;
  /** Where events wait for the database; without one none do. */
  spool?: string;
  /** Such as GITHUB_CLIENT_ID. */
  variables?: Record<string, string>;
  mode?: DeploymentMode;
  publicUrl?: string;
  /** Where OAuth clients' documents are. */
  network?: Network;
  /** Settings of every MCP server. */
  mcp?: Record<string, unknown>;
  /** Of exposed services, looked up anew for each request. */
  service_api_keys?: Record<string, unknown>;
}

/** What a browser sends with a person who goes to a page. */
export const DOCUMENT = { "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate" };

const NO_SPOOL = join(tmpdir(), "luna-auth-without-events");
const NO_ROUTES = join(tmpdir(), "luna-auth-without-extensions.json");

/** Builds the app as main.ts does; the same settings and clock give the same Luna after a restart. */
export async function startAuth(settings: DatabaseSettings, setup: AuthSetup = {}) {
  const { time = { now: START }, token = AUTH_TOKEN, routes = NO_ROUTES, spool = NO_SPOOL } = setup;
  const { variables = {}, mode = "local", publicUrl = `http://${PUBLIC_HOST}` } = setup;
  const { service_api_keys = {}, serviceRoutes = NO_ROUTES } = setup;
  const database = await openDatabase(settings);
  const clock = (): number => time.now;
  await ensureOwner(database, clock());
  const log = new MemoryLog();
  const audit = new MemoryTrail();
  const config = { read: async () => MasterConfig.parse({ mcp: setup.mcp ?? {} }) };
  const parts = createParts({
    ...{ database, clock, log, variables, mode, publicUrl, token, config },
    ...(setup.network === undefined ? {} : { network: setup.network }),
  });
  const { sessions, links, passphrases } = parts;
  const paths = new RoutedPaths({ path: routes, services: serviceRoutes, log });
  const pages = new PageTokens(token);
  const auditLog = new AuditKeeping({ folder: spool, database, config, audit, clock, log });
  const serviceKeys = new ServiceKeyCheck({
    config: { read: async () => MasterConfig.parse({ service_api_keys }) },
    clock,
  });
  const edge = { pages, paths, serviceKeys };
  const app = createAuthApp({
    ...{ ...parts, ...edge, auditLog, token, checkToken: CHECK_TOKEN, clock, audit, log },
  });

  const request = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    // What Caddy always sets.
    if (!headers.has("Host")) headers.set("Host", "127.0.0.1:8765");
    if (!headers.has("X-Forwarded-Host")) headers.set("X-Forwarded-Host", PUBLIC_HOST);
    return Promise.resolve(app.request(path, { ...init, headers }));
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const ask = (path: string, headers: Record<string, string>): Promise<Response> =>
    request(path, {
      headers: {
        Authorization: `Bearer ${token}`,
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/",
        ...headers,
      },
    });
  /** Caddy's question about a request with these headers. */
  const verify = (headers: Record<string, string>, page: PagePolicy = "none") =>
    ask(`/verify?page=${page}`, headers);
  /** The page token of a browser's session. */
  const pageOf = async (Cookie: string): Promise<string> => {
    const answer = await verify({ Cookie, ...DOCUMENT }, "issue");
    return answer.headers.get(PAGE_HEADER) ?? "";
  };
  /** The same about an extension's path. */
  const route = (uri: string, headers: Record<string, string>) =>
    ask("/route", { "X-Forwarded-Uri": uri, ...headers });
  /** Signs the owner in, and returns the Cookie header of the browser. */
  const signIn = async (headers: Record<string, string> = {}): Promise<string> => {
    const link = await links.create(OWNER_ID);
    const answer = await post("/auth/link", { token: link.token }, headers);
    return answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  };
  const inner = { parts, database, sessions, links, passphrases, app, audit, auditLog, log, time };
  return { ...inner, request, post, verify, route, signIn, pageOf, close: () => database.close() };
}
