/** One-time sign-in links, in the table `luna_login_links`. */
import { and, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm";
import type { LoginLink } from "../../contract/auth.ts";
import type { Database } from "../../db/database.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import type { Identity, SignInMethod } from "./sign-in-method.ts";
import { looksLikeToken } from "./token.ts";

export const LINK_LIFETIME_MS = 30 * 60_000;
/** Rows that one purge removes at most. */
const PURGE_MAX = 1000;

interface LoginLinksOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
}

/** Compiled once: strangers ask for links that nobody made, thousands of times a second. */
function prepareFind({ queries, tables: { login_links } }: Database) {
  return queries
    .select({ used_at: login_links.used_at })
    .from(login_links)
    .where(eq(login_links.token_hash, sql.placeholder("token_hash")))
    .prepare();
}

export class LoginLinks implements SignInMethod<string> {
  readonly name = "link";
  readonly #database: Database;
  readonly #clock: () => number;
  readonly #find: ReturnType<typeof prepareFind>;

  constructor({ database, clock }: LoginLinksOptions) {
    this.#database = database;
    this.#find = prepareFind(database);
    this.#clock = clock;
  }

  /** Makes a link for a user; earlier links stay good. The token is told here and kept nowhere. */
  async create(user_id: string): Promise<LoginLink> {
    const { queries, tables } = this.#database;
    const now = this.#clock();
    const token = generateSecret();
    const expires_at = now + LINK_LIFETIME_MS;
    await queries
      .insert(tables.login_links)
      .values({ token_hash: hashSecret(token), user_id, created_at: now, expires_at });
    return { token, expires_at: new Date(expires_at).toISOString() };
  }

  /** Uses a link up: of two who come at the same moment, one gets the user. */
  async identify(token: string): Promise<Identity | undefined> {
    if (!looksLikeToken(token)) return undefined;
    const hash = hashSecret(token);
    const [known] = await this.#find.execute({ token_hash: hash });
    if (known?.used_at !== null) return undefined;
    const { queries, tables } = this.#database;
    const { token_hash, used_at, expires_at, user_id } = tables.login_links;
    const now = this.#clock();
    const [used] = await queries
      .update(tables.login_links)
      .set({ used_at: now })
      .where(and(eq(token_hash, hash), isNull(used_at), gt(expires_at, now)))
      .returning({ user_id });
    return used;
  }

  /** Removes links that have expired. */
  async purge(): Promise<void> {
    const { queries, tables } = this.#database;
    const { token_hash, expires_at } = tables.login_links;
    const expired = queries
      .select({ token_hash })
      .from(tables.login_links)
      .where(lte(expires_at, this.#clock()))
      .limit(PURGE_MAX);
    await queries.delete(tables.login_links).where(inArray(token_hash, expired));
  }
}
