/** Auth's app on a real database with a clock of its own, asked the way Caddy and a browser would ask. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterConfig } from "../../src/contract/config.ts";
import { PAGE_HEADER, type PagePolicy } from "../../src/contract/page-token.ts";
import { openDatabase } from "../../src/db/open.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import type { Logger } from "../../src/lib/log.ts";
import { createAuthApp } from "../../src/services/auth/app.ts";
import { AttemptLimit } from "../../src/services/auth/attempt-limit.ts";
import { AuditKeeping } from "../../src/services/auth/audit-keeping.ts";
import { GuessLimit } from "../../src/services/auth/guess-limit.ts";
import { LoginLinks } from "../../src/services/auth/login-links.ts";
import { ensureOwner, OWNER_ID } from "../../src/services/auth/owner.ts";
import { PageTokens } from "../../src/services/auth/page-token.ts";
import { PassphraseHash } from "../../src/services/auth/passphrase-hash.ts";
import { Passphrases } from "../../src/services/auth/passphrases.ts";
import { RoutedPaths } from "../../src/services/auth/routed-paths.ts";
import { Sessions } from "../../src/services/auth/sessions.ts";
import { MemoryTrail } from "./memory-trail.ts";

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
  /** Where events wait for the database; without one none do. */
  spool?: string;
}

/** What a browser sends with a person who goes to a page. */
export const DOCUMENT = { "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate" };

const NO_SPOOL = join(tmpdir(), "luna-auth-without-events");
const NO_ROUTES = join(tmpdir(), "luna-auth-without-extensions.json");

/** Builds the app as main.ts does; the same settings and clock give the same Luna after a restart. */
export async function startAuth(settings: DatabaseSettings, setup: AuthSetup = {}) {
  const { time = { now: START }, token = AUTH_TOKEN, routes = NO_ROUTES, spool = NO_SPOOL } = setup;
  const database = await openDatabase(settings);
  const clock = (): number => time.now;
  await ensureOwner(database, clock());
  const log = new MemoryLog();
  const audit = new MemoryTrail();
  const allowsGithub = (): boolean => false;
  const sessions = new Sessions({ database, clock, log, allowsGithub });
  const links = new LoginLinks({ database, clock });
  const passphrases = new Passphrases({
    ...{ database, clock },
    ...{ hash: new PassphraseHash(), guesses: new GuessLimit(clock) },
  });
  const attempts = new AttemptLimit(clock);
  const paths = new RoutedPaths({ path: routes, log });
  const pages = new PageTokens(token);
  const config = { read: async () => MasterConfig.parse({}) };
  const auditLog = new AuditKeeping({ folder: spool, database, config, audit, clock, log });
  const app = createAuthApp({
    ...{ sessions, links, passphrases, pages, paths, attempts, auditLog },
    ...{ token, clock, audit, log },
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
  const parts = { database, sessions, links, passphrases, app, audit, auditLog, log, time };
  return { ...parts, request, post, verify, route, signIn, pageOf, close: () => database.close() };
}
