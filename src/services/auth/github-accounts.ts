/** The GitHub accounts that are the owner's, in the table `luna_github_accounts`: each allowed name stands for the first account that came with it. */
import { eq, or } from "drizzle-orm";
import type { GithubAccountView } from "../../contract/auth.ts";
import type { Database } from "../../db/database.ts";
import type { Logger } from "../../lib/log.ts";
import type { GithubAccount } from "./github-client.ts";
import { OWNER_ID } from "./owner.ts";
import type { Identity, SignInMethod } from "./sign-in-method.ts";

interface GithubAccountsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
  /**
   * The names that may sign in, in lower case. null: none, as sign-in with GitHub is off. undefined: whoever
   * comes first, and nobody after.
   */
  allowed: ReadonlySet<string> | undefined | null;
}

export class GithubAccounts implements SignInMethod<GithubAccount> {
  readonly name = "github";
  readonly #options: GithubAccountsOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: GithubAccountsOptions) {
    this.#options = options;
  }

  /** Whether the account that `login` stands for may be signed in now; each of its sessions asks with each request. */
  allows(login: string): boolean {
    const { allowed } = this.#options;
    if (allowed === null) return false;
    return allowed === undefined || allowed.has(login);
  }

  /** The owner, when the account is one that may sign in; the first one of an allowed name is remembered by its number. */
  identify(account: GithubAccount): Promise<Identity | undefined> {
    // One after another: of two that come first at the same moment, one is.
    const result = this.#turn.then(() => this.#admit(account));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async list(): Promise<GithubAccountView[]> {
    const { queries, tables } = this.#options.database;
    const rows = await queries.select().from(tables.github_accounts);
    return rows.map(({ login, github_id, username, last_sign_in_at }) => ({
      ...{ github_id, username, allowed: this.allows(login) },
      last_sign_in_at: new Date(last_sign_in_at).toISOString(),
    }));
  }

  /** Forgets an account, so that its name may stand for another one; its sessions end. False when there is none. */
  async forget(github_id: number): Promise<boolean> {
    const { queries, tables } = this.#options.database;
    const { github_accounts } = tables;
    const gone = await queries
      .delete(github_accounts)
      .where(eq(github_accounts.github_id, github_id))
      .returning({ github_id: github_accounts.github_id });
    return gone.length > 0;
  }

  async #admit({ github_id, login: username }: GithubAccount): Promise<Identity | undefined> {
    const { database, log } = this.#options;
    const { github_accounts } = database.tables;
    const login = username.toLowerCase();
    const isNamed = this.allows(login);
    const known = await database.queries
      .select()
      .from(github_accounts)
      .where(or(eq(github_accounts.github_id, github_id), eq(github_accounts.login, login)));
    const own = known.find((row) => row.github_id === github_id);
    const identity = { user_id: OWNER_ID, github_id, username };
    if (own !== undefined && this.allows(own.login)) {
      await this.#update(own.login, { github_id, username });
      return identity;
    }
    const isTaken = known.some((row) => row.github_id !== github_id) || (await this.#isClosed());
    if (!isNamed || isTaken) {
      const reason = isNamed ? "another account has its place" : "its name is not allowed";
      log.warn("A GitHub account may not sign in", { login: username, github_id, reason });
      return undefined;
    }
    await (own === undefined
      ? this.#insert(login, { github_id, username })
      : this.#update(login, { github_id, username }));
    return identity;
  }

  /** Whether somebody came first already, where there are no names. */
  async #isClosed(): Promise<boolean> {
    if (this.#options.allowed !== undefined) return false;
    const { queries, tables } = this.#options.database;
    return (await queries.select().from(tables.github_accounts).limit(1)).length > 0;
  }

  async #insert(login: string, account: { github_id: number; username: string }): Promise<void> {
    const { database, clock } = this.#options;
    const now = clock();
    const times = { created_at: now, last_sign_in_at: now };
    await database.queries
      .insert(database.tables.github_accounts)
      .values({ login, ...account, ...times });
  }

  async #update(login: string, account: { github_id: number; username: string }): Promise<void> {
    const { database, clock } = this.#options;
    const { github_accounts } = database.tables;
    await database.queries
      .update(github_accounts)
      .set({ login, username: account.username, last_sign_in_at: clock() })
      .where(eq(github_accounts.github_id, account.github_id));
  }
}
