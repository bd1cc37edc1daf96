/** Sessions of people who are signed in, in the table `luna_sessions`; a restart signs nobody out. */
import { and, eq, inArray, lte, sql } from "drizzle-orm";
import type { Me } from "../../contract/auth.ts";
import type { Database } from "../../db/database.ts";
import type { Logger } from "../../lib/log.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import { looksLikeToken } from "./token.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A session that is not used for this long ends. */
export const SESSION_IDLE_MS = 30 * DAY_MS;
/** A session ends after this long however much it is used. */
export const SESSION_LIFETIME_MS = 180 * DAY_MS;
/** Use is written down at most this often: reading costs microseconds, a durable write milliseconds. */
export const LAST_SEEN_INTERVAL_MS = 60_000;
/** Rows that one purge removes at most. */
const PURGE_MAX = 1000;

export interface Session {
  user_id: string;
  username: string;
  method: Me["method"];
  /** This and the others in milliseconds since 1970. */
  created_at: number;
  last_seen_at: number;
  expires_at: number;
}

interface SessionsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
}

/** By primary keys alone, and compiled once: every request of the Hub asks this. */
function prepareFind({ queries, tables }: Database) {
  const { sessions, users } = tables;
  return queries
    .select({
      user_id: sessions.user_id,
      username: users.username,
      method: sessions.method,
      created_at: sessions.created_at,
      last_seen_at: sessions.last_seen_at,
      expires_at: sessions.expires_at,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.user_id))
    .where(eq(sessions.token_hash, sql.placeholder("token_hash")))
    .prepare();
}

export class Sessions {
  readonly #database: Database;
  readonly #clock: () => number;
  readonly #log: Logger;
  readonly #find: ReturnType<typeof prepareFind>;

  constructor({ database, clock, log }: SessionsOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
    this.#find = prepareFind(database);
  }

  /** Starts a session and returns its token, which is kept nowhere. */
  async start(user_id: string, method: Me["method"]): Promise<string> {
    const { queries, tables } = this.#database;
    const now = this.#clock();
    const token = generateSecret();
    await queries.insert(tables.sessions).values({
      token_hash: hashSecret(token),
      user_id,
      method,
      created_at: now,
      last_seen_at: now,
      expires_at: now + SESSION_IDLE_MS,
    });
    return token;
  }

  /** The session of `token`, if it is alive; this counts as use. */
  async find(token: string): Promise<Session | undefined> {
    if (!looksLikeToken(token)) return undefined;
    const token_hash = hashSecret(token);
    const [session] = await this.#find.execute({ token_hash });
    const now = this.#clock();
    if (session === undefined || now >= session.expires_at) return undefined;
    if (now - session.last_seen_at < LAST_SEEN_INTERVAL_MS) return session;
    return this.#touch(token_hash, session);
  }

  /** Ends the session of `token`, if there is one. */
  async end(token: string): Promise<void> {
    const { queries, tables } = this.#database;
    await queries.delete(tables.sessions).where(eq(tables.sessions.token_hash, hashSecret(token)));
  }

  /** Removes sessions that have expired. */
  async purge(): Promise<void> {
    const { queries, tables } = this.#database;
    const { token_hash, expires_at } = tables.sessions;
    const expired = queries
      .select({ token_hash })
      .from(tables.sessions)
      .where(lte(expires_at, this.#clock()))
      .limit(PURGE_MAX);
    await queries.delete(tables.sessions).where(inArray(token_hash, expired));
  }

  async #touch(token_hash: string, session: Session): Promise<Session> {
    const { queries, tables } = this.#database;
    const last_seen_at = this.#clock();
    const expires_at = Math.min(
      last_seen_at + SESSION_IDLE_MS,
      session.created_at + SESSION_LIFETIME_MS,
    );
    try {
      await queries
        .update(tables.sessions)
        .set({ last_seen_at, expires_at })
        // Only the first of several requests at the same moment writes.
        .where(
          and(
            eq(tables.sessions.token_hash, token_hash),
            eq(tables.sessions.last_seen_at, session.last_seen_at),
          ),
        );
    } catch (error) {
      // A full disk must not sign anybody out: the session is good until the time written last.
      this.#log.warn("Cannot write down the use of a session", { error });
      return session;
    }
    return { ...session, last_seen_at, expires_at };
  }
}
