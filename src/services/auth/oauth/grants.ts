/** What the owner has allowed clients, and the codes and tokens they have for it: `luna_oauth_grants` and `luna_oauth_tokens`. */
import { and, asc, desc, eq, gt, inArray, isNull, lte, ne, sql } from "drizzle-orm";
import type { Me } from "../../../contract/auth.ts";
import type { TokenFault } from "../../../contract/mcp-connection.ts";
import type { AccessAnswer } from "../../../contract/oauth.ts";
import type { Database } from "../../../db/database.ts";
import type { Logger } from "../../../lib/log.ts";
import { generateSecret, hashSecret } from "../../../lib/secret.ts";
import type { OAuthClient } from "./clients.ts";
import {
  ACCESS_LIFETIME_MS,
  CODE_LIFETIME_MS,
  GRANT_LIFETIME_MS,
  prefixOf,
  REFRESH_GRACE_MS,
  REFRESH_IDLE_MS,
  successorOf,
  type TokenKind,
} from "./token-kinds.ts";

/** Of one client: it is on so many computers, or signs in again and again. */
export const GRANTS_OF_CLIENT_MAX = 50;
const LIST_MAX = 1_000;
const PURGE_MAX = 1_000;
/** Use is written down at most this often. */
const LAST_USED_INTERVAL_MS = 60_000;

export interface Grant {
  id: string;
  client_id: string;
  user_id: string;
  redirect_uri: string;
  scope: string;
  resource: string | null;
  created_at: number;
  last_used_at: number | null;
  expires_at: number;
}

/** A code or token that was found, with the grant it is of. */
export interface Found {
  token_hash: string;
  kind: TokenKind;
  scope: string;
  challenge: string | null;
  expires_at: number;
  used_at: number | null;
  grant: Grant;
}

/** What a client gets. */
export interface Issued {
  access_token: string;
  expires_in: number;
  refresh_token: string | undefined;
  scope: string;
}

export interface Consent {
  client: Pick<OAuthClient, "id">;
  /** Who allows it, and by what they signed in. */
  by: { user_id: string; method: Me["method"]; github_id: number | null };
  redirect_uri: string;
  scope: string;
  resource: string | null;
  challenge: string;
}

interface GrantsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
  /** What successors of refresh tokens are derived with. */
  key: string;
  /** Whether the GitHub account that this name stands for may be signed in now. */
  allowsGithub(login: string): boolean;
}

function prepareFind({ queries, tables }: Database) {
  const { oauth_tokens, oauth_grants, oauth_clients, github_accounts } = tables;
  return queries
    .select({
      token: oauth_tokens,
      grant: oauth_grants,
      client_name: oauth_clients.name,
      github_login: github_accounts.login,
    })
    .from(oauth_tokens)
    .innerJoin(oauth_grants, eq(oauth_grants.id, oauth_tokens.grant_id))
    .innerJoin(oauth_clients, eq(oauth_clients.id, oauth_grants.client_id))
    .leftJoin(github_accounts, eq(github_accounts.github_id, oauth_grants.github_id))
    .where(eq(oauth_tokens.token_hash, sql.placeholder("token_hash")))
    .prepare();
}

type Row = Awaited<ReturnType<ReturnType<typeof prepareFind>["execute"]>>[number];

export class Grants {
  readonly #options: GrantsOptions;
  readonly #find: ReturnType<typeof prepareFind>;

  constructor(options: GrantsOptions) {
    this.#options = options;
    this.#find = prepareFind(options.database);
  }

  /** Writes down what the owner has allowed; the code for it is told here and kept nowhere. */
  async allow({ client, by, challenge, ...what }: Consent): Promise<string> {
    const { database, clock } = this.#options;
    const now = clock();
    const id = crypto.randomUUID();
    // Nothing comes of a code that nobody redeems.
    const expires_at = now + CODE_LIFETIME_MS;
    await this.#makeRoom(client.id);
    await database.queries.insert(database.tables.oauth_grants).values({
      ...{ id, client_id: client.id, ...by, ...what },
      ...{ created_at: now, last_used_at: null, expires_at },
    });
    return this.#issue("code", { id, scope: what.scope, expires_at, challenge });
  }

  /** A code or token that exists, used or not, whose grant is good; undefined for any other. */
  async find(token: string): Promise<Found | undefined> {
    return this.#lookUp(hashSecret(token));
  }

  /** Uses a code up, for the tokens: of two who come at the same moment, one gets them. */
  async redeem(code: Found, canRefresh: boolean): Promise<Issued | undefined> {
    if (!(await this.#use(code.token_hash))) return undefined;
    const { grant, scope } = code;
    const now = this.#options.clock();
    const expires_at = canRefresh
      ? Math.min(now + REFRESH_IDLE_MS, grant.created_at + GRANT_LIFETIME_MS)
      : now + ACCESS_LIFETIME_MS;
    await this.#extend(grant.id, expires_at);
    const refresh_token = canRefresh
      ? await this.#issue("refresh", { id: grant.id, scope, expires_at })
      : undefined;
    return this.#withAccess(grant, { scope, refresh_token });
  }

  /**
   * Uses a refresh token up, for its successor and an access token of `scope`; undefined when it was used before, and
   * longer ago than the grace.
   */
  async refresh(token: string, found: Found, scope: string): Promise<Issued | undefined> {
    const { clock, key } = this.#options;
    const { grant } = found;
    const now = clock();
    const expires_at = Math.min(now + REFRESH_IDLE_MS, grant.created_at + GRANT_LIFETIME_MS);
    const successor = successorOf(token, key);
    const given = { id: grant.id, scope: found.scope, expires_at };
    // Written first: a kill in between leaves a token that still has to be used, and nobody signs in again.
    if (found.used_at === null) await this.#insert("refresh", successor, given);
    const isFirst = await this.#use(found.token_hash);
    if (!isFirst && !(await this.#mayRepeat(found.token_hash, successor))) return undefined;
    await this.#extend(grant.id, expires_at);
    return this.#withAccess(grant, { scope, refresh_token: successor });
  }

  /** What an access token with this hash opens now, which counts as use; or why it opens nothing. */
  async access(token_hash: string): Promise<AccessAnswer> {
    const found = await this.#row(token_hash);
    const { clock, log } = this.#options;
    const now = clock();
    const fault = found === undefined ? "unknown" : this.#faultOf(found, now);
    if (found === undefined || fault !== undefined) {
      const client_name = found?.client_name ?? null;
      return { access: null, refusal: { fault: fault ?? "unknown", client_name } };
    }
    const { grant, client_name } = found;
    const { scope, expires_at } = found.token;
    if (now - (grant.last_used_at ?? 0) >= LAST_USED_INTERVAL_MS) {
      await this.#noteUse(grant.id).catch((error: unknown) =>
        // A full disk must not lock a client out.
        log.warn("Cannot write down the use of a grant", { error }),
      );
    }
    const { id, resource } = grant;
    return { access: { grant: id, client_name, scope, resource, expires_at }, refusal: null };
  }

  /** Those that are good now, the one that was used last first. */
  async list(): Promise<Grant[]> {
    const { database, clock } = this.#options;
    const { oauth_grants, github_accounts } = database.tables;
    const rows = await database.queries
      .select({ grant: oauth_grants, github_login: github_accounts.login })
      .from(oauth_grants)
      .leftJoin(github_accounts, eq(github_accounts.github_id, oauth_grants.github_id))
      .where(gt(oauth_grants.expires_at, clock()))
      .orderBy(desc(oauth_grants.created_at))
      .limit(LIST_MAX);
    return rows.filter((row) => this.#isAllowed(row)).map(({ grant }) => grant);
  }

  /** Whether a living grant of the client leads to this very address. */
  async isKnown(client_id: string, redirect_uri: string): Promise<boolean> {
    const grants = await this.list();
    return grants.some(
      (grant) => grant.client_id === client_id && grant.redirect_uri === redirect_uri,
    );
  }

  /** Ends a grant and all tokens of it; false when there is none. */
  async revoke(id: string): Promise<boolean> {
    const { queries, tables } = this.#options.database;
    const { oauth_grants } = tables;
    const gone = await queries
      .delete(oauth_grants)
      .where(eq(oauth_grants.id, id))
      .returning({ id: oauth_grants.id });
    return gone.length > 0;
  }

  /** Ends one token and nothing else. */
  async removeToken(token_hash: string): Promise<void> {
    const { queries, tables } = this.#options.database;
    const { oauth_tokens } = tables;
    await queries.delete(oauth_tokens).where(eq(oauth_tokens.token_hash, token_hash));
  }

  /** Removes what has expired. */
  async purge(): Promise<void> {
    const { database, clock } = this.#options;
    const { queries, tables } = database;
    const { oauth_grants, oauth_tokens } = tables;
    const now = clock();
    const grants = queries
      .select({ id: oauth_grants.id })
      .from(oauth_grants)
      .where(lte(oauth_grants.expires_at, now))
      .limit(PURGE_MAX);
    await queries.delete(oauth_grants).where(inArray(oauth_grants.id, grants));
    const tokens = queries
      .select({ token_hash: oauth_tokens.token_hash })
      .from(oauth_tokens)
      // A used refresh token and a used code stay as long as their grant: who brings one again is known by it.
      .where(and(lte(oauth_tokens.expires_at, now), eq(oauth_tokens.kind, "access")))
      .limit(PURGE_MAX);
    await queries.delete(oauth_tokens).where(inArray(oauth_tokens.token_hash, tokens));
  }

  async #row(token_hash: string) {
    const [row] = await this.#find.execute({ token_hash });
    return row;
  }

  async #lookUp(token_hash: string): Promise<Found | undefined> {
    const row = await this.#row(token_hash);
    if (row === undefined || !this.#isAllowed(row)) return undefined;
    if (this.#options.clock() >= row.grant.expires_at) return undefined;
    const { kind, scope, challenge, expires_at, used_at } = row.token;
    return { token_hash, kind, scope, challenge, expires_at, used_at, grant: row.grant };
  }

  /** Why an access token that exists opens nothing now. */
  #faultOf(row: Row, now: number): TokenFault | undefined {
    if (row.token.kind !== "access") return "not_for_access";
    if (!this.#isAllowed(row) || now >= row.grant.expires_at) return "not_allowed";
    return now >= row.token.expires_at ? "expired" : undefined;
  }

  #isAllowed({
    grant,
    github_login,
  }: {
    grant: { method: Me["method"] };
    github_login: string | null;
  }): boolean {
    if (grant.method !== "github") return true;
    return github_login !== null && this.#options.allowsGithub(github_login);
  }

  async #withAccess(
    grant: Grant,
    { scope, refresh_token }: Pick<Issued, "scope" | "refresh_token">,
  ): Promise<Issued> {
    const expires_at = this.#options.clock() + ACCESS_LIFETIME_MS;
    const access_token = await this.#issue("access", { id: grant.id, scope, expires_at });
    return { access_token, expires_in: ACCESS_LIFETIME_MS / 1000, refresh_token, scope };
  }

  async #issue(kind: TokenKind, what: NewToken): Promise<string> {
    const token = generateSecret(prefixOf(kind));
    await this.#insert(kind, token, what);
    return token;
  }

  async #insert(
    kind: TokenKind,
    token: string,
    { id, challenge, ...rest }: NewToken,
  ): Promise<void> {
    const { database, clock } = this.#options;
    await database.queries
      .insert(database.tables.oauth_tokens)
      .values({
        ...{
          token_hash: hashSecret(token),
          grant_id: id,
          kind,
          challenge: challenge ?? null,
          ...rest,
        },
        ...{ created_at: clock(), used_at: null },
      })
      .onConflictDoNothing();
  }

  /** Whether it was not used before. */
  async #use(token_hash: string): Promise<boolean> {
    const { database, clock } = this.#options;
    const { oauth_tokens } = database.tables;
    const used = await database.queries
      .update(oauth_tokens)
      .set({ used_at: clock() })
      .where(and(eq(oauth_tokens.token_hash, token_hash), isNull(oauth_tokens.used_at)))
      .returning({ token_hash: oauth_tokens.token_hash });
    return used.length > 0;
  }

  /** Whether a used refresh token comes again soon, and before anybody used its successor. */
  async #mayRepeat(token_hash: string, successor: string): Promise<boolean> {
    const { database, clock } = this.#options;
    const { oauth_tokens } = database.tables;
    const next_hash = hashSecret(successor);
    const rows = await database.queries
      .select({ token_hash: oauth_tokens.token_hash, used_at: oauth_tokens.used_at })
      .from(oauth_tokens)
      .where(inArray(oauth_tokens.token_hash, [token_hash, next_hash]));
    const found = new Map(rows.map((row) => [row.token_hash, row]));
    const [own, next] = [found.get(token_hash), found.get(next_hash)];
    if (own?.used_at == null || next === undefined || next.used_at !== null) return false;
    const since = clock() - own.used_at;
    return since >= 0 && since < REFRESH_GRACE_MS;
  }

  async #extend(id: string, expires_at: number): Promise<void> {
    const { database, clock } = this.#options;
    const { oauth_grants } = database.tables;
    await database.queries
      .update(oauth_grants)
      .set({ expires_at, last_used_at: clock() })
      .where(eq(oauth_grants.id, id));
  }

  async #noteUse(id: string): Promise<void> {
    const { database, clock } = this.#options;
    const { oauth_grants } = database.tables;
    await database.queries
      .update(oauth_grants)
      .set({ last_used_at: clock() })
      .where(eq(oauth_grants.id, id));
  }

  /** A client that has too many grants loses those that were used longest ago. */
  async #makeRoom(client_id: string): Promise<void> {
    const { queries, tables } = this.#options.database;
    const { oauth_grants } = tables;
    const { id, last_used_at, created_at } = oauth_grants;
    const newest = await queries
      .select({ id })
      .from(oauth_grants)
      .where(eq(oauth_grants.client_id, client_id))
      .orderBy(desc(sql`coalesce(${last_used_at}, ${created_at})`), asc(id))
      .limit(GRANTS_OF_CLIENT_MAX - 1);
    if (newest.length < GRANTS_OF_CLIENT_MAX - 1) return;
    const kept = newest.map((row) => ne(id, row.id));
    await queries.delete(oauth_grants).where(and(eq(oauth_grants.client_id, client_id), ...kept));
  }
}

interface NewToken {
  /** The grant's. */
  id: string;
  scope: string;
  expires_at: number;
  challenge?: string;
}
