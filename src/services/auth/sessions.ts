/** Sessions of people who are signed in, in the table `luna_sessions`; a restart signs nobody out. */
import { and, desc, eq, gt, inArray, like, lte, notLike, or, type SQL, sql } from "drizzle-orm";
import type { SessionView, SignInMethodName } from "../../contract/auth.ts";
import type { Database } from "../../db/database.ts";
import type { Logger } from "../../lib/log.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import { FoundSessions } from "./found-sessions.ts";
import type { Identity } from "./sign-in-method.ts";
import { looksLikeToken } from "./token.ts";
import type { Visitor } from "./visitor.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A session that is not used for this long ends. */
export const SESSION_IDLE_MS = 30 * DAY_MS;
/** A session ends after this long however much it is used. */
export const SESSION_LIFETIME_MS = 180 * DAY_MS;
/** Use is written down at most this often: reading costs microseconds, a durable write milliseconds. */
export const LAST_SEEN_INTERVAL_MS = 60_000;
/** Rows that one purge removes at most. */
const PURGE_MAX = 1000;
/** Sessions that a list shows at most, those used last. */
const LIST_MAX = 200;
/** Characters of the token's hash that name a session: 64 bits, of the hash and not of the token. */
const ID_LENGTH = 16;
const ID = /^[0-9a-f]{16}$/;

export interface Session {
  /** What names it to its owner. */
  id: string;
  user_id: string;
  /** The GitHub account's own name for who signed in with GitHub. */
  username: string;
  method: SignInMethodName;
  github_id: number | null;
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
  /** Whether the GitHub account that this name stands for may be signed in now. */
  allowsGithub(login: string): boolean;
}

/** By primary keys alone, and compiled once. */
function prepareFind({ queries, tables }: Database) {
  const { sessions, users, github_accounts } = tables;
  return queries
    .select({
      user_id: sessions.user_id,
      username: users.username,
      method: sessions.method,
      github_id: sessions.github_id,
      github_login: github_accounts.login,
      github_username: github_accounts.username,
      created_at: sessions.created_at,
      last_seen_at: sessions.last_seen_at,
      expires_at: sessions.expires_at,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.user_id))
    .leftJoin(github_accounts, eq(github_accounts.github_id, sessions.github_id))
    .where(eq(sessions.token_hash, sql.placeholder("token_hash")))
    .prepare();
}

/** Asked for each guess at the passphrase. */
function prepareIsAnyFrom({ queries, tables: { sessions } }: Database) {
  return queries
    .select({ address: sessions.address })
    .from(sessions)
    .where(
      and(
        eq(sessions.user_id, sql.placeholder("user_id")),
        eq(sessions.address, sql.placeholder("address")),
        gt(sessions.expires_at, sql.placeholder("now")),
      ),
    )
    .limit(1)
    .prepare();
}

type FoundRow = Awaited<ReturnType<ReturnType<typeof prepareFind>["execute"]>>[number];

/** The one place where sessions are changed, so the one that has to forget what was found. */
export class Sessions {
  readonly #database: Database;
  readonly #clock: () => number;
  readonly #log: Logger;
  readonly #allowsGithub: (login: string) => boolean;
  readonly #find: ReturnType<typeof prepareFind>;
  readonly #isAnyFrom: ReturnType<typeof prepareIsAnyFrom>;
  readonly #found: FoundSessions<FoundRow>;

  constructor({ database, clock, log, allowsGithub }: SessionsOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
    this.#allowsGithub = allowsGithub;
    this.#find = prepareFind(database);
    this.#isAnyFrom = prepareIsAnyFrom(database);
    this.#found = new FoundSessions(clock);
  }

  /** Starts a session and returns its token, which is kept nowhere. */
  async start(who: Identity, how: { method: SignInMethodName } & Visitor): Promise<string> {
    const { queries, tables } = this.#database;
    const now = this.#clock();
    const { user_id, passkey_id, github_id } = who;
    const token = generateSecret();
    await queries.insert(tables.sessions).values({
      ...{ user_id, passkey_id, github_id, ...how, token_hash: hashSecret(token) },
      ...{ created_at: now, last_seen_at: now, expires_at: now + SESSION_IDLE_MS },
    });
    return token;
  }

  /** The session of `token`, if it is alive and its account is still allowed; this counts as use. */
  async find(token: string): Promise<Session | undefined> {
    if (!looksLikeToken(token)) return undefined;
    const token_hash = hashSecret(token);
    const found = await this.#found.find(token_hash, async () => {
      const [row] = await this.#find.execute({ token_hash });
      return row;
    });
    const now = this.#clock();
    if (found === undefined || now >= found.expires_at) return undefined;
    const { github_login, github_username, ...rest } = found;
    if (!this.#isAllowed(found.method, github_login)) return undefined;
    const username = github_username ?? found.username;
    const session = { ...rest, username, id: token_hash.slice(0, ID_LENGTH) };
    if (now - session.last_seen_at < LAST_SEEN_INTERVAL_MS) return session;
    return this.#touch(token_hash, session);
  }

  /** The living sessions of a user, the one used last first. */
  async list(user_id: string, current: Pick<Session, "id">): Promise<SessionView[]> {
    const { sessions } = this.#database.tables;
    const rows = await this.#alive(eq(sessions.user_id, user_id));
    return rows.map((session) => {
      const id = session.token_hash.slice(0, ID_LENGTH);
      const { method, address, browser } = session;
      return {
        ...{ id, method, address, browser, current: id === current.id },
        created_at: new Date(session.created_at).toISOString(),
        last_seen_at: new Date(session.last_seen_at).toISOString(),
        expires_at: new Date(session.expires_at).toISOString(),
      };
    });
  }

  /** Those of `ids` whose sessions are alive and allowed; this counts as no use. */
  async living(ids: readonly string[]): Promise<string[]> {
    const { sessions } = this.#database.tables;
    const named = ids.filter((id) => ID.test(id)).map((id) => like(sessions.token_hash, `${id}%`));
    if (named.length === 0) return [];
    const rows = await this.#alive(or(...named));
    return rows.map(({ token_hash }) => token_hash.slice(0, ID_LENGTH));
  }

  /** Whether any living session of a user was begun from `address`. */
  async isAnyFrom(user_id: string, address: string): Promise<boolean> {
    const [one] = await this.#isAnyFrom.execute({ user_id, address, now: this.#clock() });
    return one !== undefined;
  }

  /** Ends one session of a user by its id; false when there is none. */
  async revoke(user_id: string, id: string): Promise<boolean> {
    if (!ID.test(id)) return false;
    const { sessions } = this.#database.tables;
    return (await this.#endAll(user_id, like(sessions.token_hash, `${id}%`))) > 0;
  }

  /**
   * Ends a user's sessions but the one that asks, all of them or those made with one thing.
   * @returns how many
   */
  async revokeOthers(
    user_id: string,
    current: Pick<Session, "id"> | undefined,
    madeWith: { method?: SignInMethodName; passkey_id?: string; github_id?: number } = {},
  ): Promise<number> {
    const { sessions } = this.#database.tables;
    const { method, passkey_id, github_id } = madeWith;
    return this.#endAll(
      user_id,
      and(
        current === undefined ? undefined : notLike(sessions.token_hash, `${current.id}%`),
        method === undefined ? undefined : eq(sessions.method, method),
        passkey_id === undefined ? undefined : eq(sessions.passkey_id, passkey_id),
        github_id === undefined ? undefined : eq(sessions.github_id, github_id),
      ),
    );
  }

  /** Ends the session of `token`, if there is one. */
  async end(token: string): Promise<void> {
    const { queries, tables } = this.#database;
    await queries.delete(tables.sessions).where(eq(tables.sessions.token_hash, hashSecret(token)));
    this.#found.forget();
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

  async #alive(which: SQL | undefined) {
    const { queries, tables } = this.#database;
    const { sessions, github_accounts } = tables;
    const rows = await queries
      .select({ session: sessions, github_login: github_accounts.login })
      .from(sessions)
      .leftJoin(github_accounts, eq(github_accounts.github_id, sessions.github_id))
      .where(and(which, gt(sessions.expires_at, this.#clock())))
      .orderBy(desc(sessions.last_seen_at), desc(sessions.created_at))
      .limit(LIST_MAX);
    return rows
      .filter(({ session, github_login }) => this.#isAllowed(session.method, github_login))
      .map(({ session }) => session);
  }

  #isAllowed(method: SignInMethodName, login: string | null): boolean {
    return method !== "github" || (login !== null && this.#allowsGithub(login));
  }

  async #endAll(user_id: string, which: SQL | undefined): Promise<number> {
    const { queries, tables } = this.#database;
    const { sessions } = tables;
    const ended = await queries
      .delete(sessions)
      .where(and(eq(sessions.user_id, user_id), which))
      .returning({ token_hash: sessions.token_hash });
    this.#found.forget();
    return ended.length;
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
    this.#found.forget();
    return { ...session, last_seen_at, expires_at };
  }
}
