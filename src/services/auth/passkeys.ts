/** The owner's passkeys, in the table `luna_passkeys`: public keys only, each for one host name. */
import { and, count, eq } from "drizzle-orm";
import type { PasskeyView } from "../../contract/auth.ts";
import type { Database } from "../../db/database.ts";
import { ConflictError } from "../../lib/errors.ts";

/** More than anybody has devices. */
const PASSKEYS_MAX = 50;

export interface Passkey {
  id: string;
  user_id: string;
  /** The host name. */
  rp_id: string;
  name: string;
  /** COSE, in base64url. */
  public_key: string;
  /** How often its authenticator has signed, as far as it counts; a copy of it would repeat a number. */
  counter: number;
  transports: readonly string[];
}

interface PasskeysOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
}

export class Passkeys {
  readonly #database: Database;
  readonly #clock: () => number;

  constructor({ database, clock }: PasskeysOptions) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Whether anybody can sign in with one at `rp_id`. */
  async isAnyAt(rp_id: string): Promise<boolean> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const found = queries.select({ id: passkeys.id }).from(passkeys);
    return (await found.where(eq(passkeys.rp_id, rp_id)).limit(1)).length > 0;
  }

  async list(user_id: string): Promise<PasskeyView[]> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const rows = await queries
      .select()
      .from(passkeys)
      .where(eq(passkeys.user_id, user_id))
      .orderBy(passkeys.created_at);
    return rows.map(({ id, name, rp_id, created_at, last_used_at }) => ({
      ...{ id, name, host: rp_id },
      created_at: new Date(created_at).toISOString(),
      last_used_at: last_used_at === null ? null : new Date(last_used_at).toISOString(),
    }));
  }

  async find(id: string): Promise<Passkey | undefined> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const [row] = await queries.select().from(passkeys).where(eq(passkeys.id, id));
    return row && { ...row, transports: row.transports.split(",").filter(Boolean) };
  }

  /** @throws ConflictError when it is there already, or there are too many */
  async add(passkey: Passkey): Promise<void> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const [total] = await queries.select({ is: count() }).from(passkeys);
    if ((total?.is ?? 0) >= PASSKEYS_MAX) {
      throw new ConflictError(
        `Cannot add this passkey: there are ${PASSKEYS_MAX} already; remove one that nobody uses`,
      );
    }
    const { transports, ...rest } = passkey;
    const added = await queries
      .insert(passkeys)
      .values({ ...rest, transports: transports.join(","), created_at: this.#clock() })
      .onConflictDoNothing()
      .returning({ id: passkeys.id });
    if (added.length === 0) throw new ConflictError("Cannot add this passkey: it is there already");
  }

  /** Writes a use down; false when another use came between, or it is gone. */
  async use({ id, counter }: Passkey, newCounter: number): Promise<boolean> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const used = await queries
      .update(passkeys)
      .set({ counter: newCounter, last_used_at: this.#clock() })
      .where(and(eq(passkeys.id, id), eq(passkeys.counter, counter)))
      .returning({ id: passkeys.id });
    return used.length > 0;
  }

  /** False when there is none. */
  async rename(user_id: string, id: string, name: string): Promise<boolean> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const renamed = await queries
      .update(passkeys)
      .set({ name })
      .where(and(eq(passkeys.user_id, user_id), eq(passkeys.id, id)))
      .returning({ id: passkeys.id });
    return renamed.length > 0;
  }

  /** False when there is none. */
  async remove(user_id: string, id: string): Promise<boolean> {
    const { queries, tables } = this.#database;
    const { passkeys } = tables;
    const removed = await queries
      .delete(passkeys)
      .where(and(eq(passkeys.user_id, user_id), eq(passkeys.id, id)))
      .returning({ id: passkeys.id });
    return removed.length > 0;
  }
}
