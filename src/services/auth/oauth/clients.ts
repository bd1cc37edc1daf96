/** The clients of the OAuth authorization server, in the table `luna_oauth_clients`. */
import { and, asc, count, desc, eq, inArray, isNull, lte, notExists, sql } from "drizzle-orm";
import type {
  ClientRegistration,
  OAuthClientAuth,
  OAuthClientKind,
} from "../../../contract/oauth.ts";
import type { Database } from "../../../db/database.ts";
import { TooManyError } from "../../../lib/errors.ts";
import { generateSecret, hashSecret, sameSecret } from "../../../lib/secret.ts";
import { type ClientDocuments, isDocumentAddress } from "./client-documents.ts";
import { OAuthError } from "./oauth-error.ts";
import { redirectView } from "./redirect-uris.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** One that registered and that nobody let in is forgotten. */
export const UNUSED_LIFETIME_MS = DAY_MS;
/** So is one that the owner let in once, and that has nothing any more. */
export const IDLE_LIFETIME_MS = 180 * DAY_MS;
/** Registered clients that nobody let in, at one time. Anyone may register. */
export const UNUSED_MAX = 1_000;
/** With all places taken, one that had this long to be let in makes room. */
const UNUSED_SURE_MS = 10 * MINUTE_MS;
const LIST_MAX = 500;
const PURGE_MAX = 1_000;
const UNNAMED = "Unnamed client";
const GRANT_TYPES = ["authorization_code", "refresh_token"];

export interface OAuthClient {
  id: string;
  kind: OAuthClientKind;
  name: string;
  redirect_uris: string[];
  /** null when it did not say. */
  grant_types: string[] | null;
  auth_method: OAuthClientAuth;
  secret_hash: string | null;
  created_at: number;
  /** null as long as the owner has not let it in. */
  last_used_at: number | null;
}

interface Registered {
  client: OAuthClient;
  /** Told once, here. */
  secret: string | undefined;
}

interface OAuthClientsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  documents: Pick<ClientDocuments, "fetch">;
}

/** Of the addresses that a client names, those that it may have; others it will not be sent to. */
function redirectsOf(uris: readonly string[]): string {
  const allowed = uris.filter((uri) => redirectView(uri) !== undefined);
  if (allowed.length > 0) return JSON.stringify(allowed);
  throw new OAuthError(
    "invalid_redirect_uri",
    "Cannot register the client: none of its redirect_uris can be used; they should be https, http on 127.0.0.1, [::1] or localhost, or of an app's own scheme, and without a fragment",
  );
}

function grantTypesOf({ grant_types, response_types }: ClientRegistration): string | null {
  if (response_types !== undefined && !response_types.includes("code")) {
    throw new OAuthError(
      "invalid_client_metadata",
      'Cannot register the client: its response_types should have "code", the only one there is',
    );
  }
  if (grant_types === undefined) return null;
  if (!grant_types.includes("authorization_code")) {
    throw new OAuthError(
      "invalid_client_metadata",
      'Cannot register the client: its grant_types should have "authorization_code"',
    );
  }
  return JSON.stringify(GRANT_TYPES.filter((type) => grant_types.includes(type)));
}

/** What a client does not say, or asks for and does not get, is PKCE without a secret. */
function authMethodOf({ token_endpoint_auth_method: asked }: ClientRegistration): OAuthClientAuth {
  return asked === "client_secret_basic" || asked === "client_secret_post" ? asked : "none";
}

type Row = Database["tables"]["oauth_clients"]["$inferSelect"];

function clientOf(row: Row): OAuthClient {
  const { id, kind, name, auth_method, secret_hash, created_at, last_used_at } = row;
  return {
    ...{ id, kind, name, auth_method, secret_hash, created_at, last_used_at },
    redirect_uris: JSON.parse(row.redirect_uris) as string[],
    grant_types: row.grant_types === null ? null : (JSON.parse(row.grant_types) as string[]),
  };
}

export class OAuthClients {
  readonly #options: OAuthClientsOptions;

  constructor(options: OAuthClientsOptions) {
    this.#options = options;
  }

  /** @throws OAuthError for what cannot be registered; TooManyError when there is no room */
  async register(asked: ClientRegistration): Promise<Registered> {
    const { database, clock } = this.#options;
    const auth_method = authMethodOf(asked);
    const secret = auth_method === "none" ? undefined : generateSecret();
    const row: Row = {
      ...{ id: crypto.randomUUID(), kind: "registered", auth_method },
      ...{ name: asked.client_name || UNNAMED, client_uri: asked.client_uri ?? null },
      ...{ redirect_uris: redirectsOf(asked.redirect_uris), grant_types: grantTypesOf(asked) },
      secret_hash: secret === undefined ? null : hashSecret(secret),
      ...{ created_at: clock(), last_used_at: null, fresh_until: null },
    };
    await this.#makeRoom();
    await database.queries.insert(database.tables.oauth_clients).values(row);
    return { client: clientOf(row), secret };
  }

  /** The client as the database knows it. */
  async find(id: string): Promise<OAuthClient | undefined> {
    const row = await this.#row(id);
    return row && clientOf(row);
  }

  /**
   * The client as it is now: what the owner is asked about must not be what it was. This may fetch its document, so
   * only somebody who is signed in may cause it.
   * @throws OAuthError when its document says something else, or nothing
   */
  async findNow(id: string): Promise<OAuthClient | undefined> {
    const row = await this.#row(id);
    const { clock, documents } = this.#options;
    if (!isDocumentAddress(id)) return row && clientOf(row);
    const now = clock();
    if (row !== undefined && row.fresh_until !== null && now < row.fresh_until) {
      return clientOf(row);
    }
    const { document, freshMs } = await documents.fetch(id);
    return this.#keepDocument(id, { asked: document, now, freshMs });
  }

  /** Whether `secret` is the client's; one without a secret needs none. */
  isAuthentic({ secret_hash }: OAuthClient, secret: string | undefined): boolean {
    if (secret_hash === null) return true;
    return secret !== undefined && sameSecret(hashSecret(secret), secret_hash);
  }

  /** The owner lets it in, or it comes again. */
  async noteUse(id: string): Promise<void> {
    const { database, clock } = this.#options;
    const { oauth_clients } = database.tables;
    await database.queries
      .update(oauth_clients)
      .set({ last_used_at: clock() })
      .where(eq(oauth_clients.id, id));
  }

  /** Those that the owner has let in, the one that was used last first. */
  async list(): Promise<OAuthClient[]> {
    const { queries, tables } = this.#options.database;
    const { oauth_clients } = tables;
    const rows = await queries
      .select()
      .from(oauth_clients)
      .where(sql`${oauth_clients.last_used_at} IS NOT NULL`)
      .orderBy(desc(oauth_clients.last_used_at))
      .limit(LIST_MAX);
    return rows.map(clientOf);
  }

  /** Forgets a client and all that it was allowed; its name, or undefined when there is none. */
  async remove(id: string): Promise<string | undefined> {
    const { queries, tables } = this.#options.database;
    const { oauth_clients } = tables;
    const [gone] = await queries
      .delete(oauth_clients)
      .where(eq(oauth_clients.id, id))
      .returning({ name: oauth_clients.name });
    return gone?.name;
  }

  /** Removes clients that nobody let in or that have had nothing for long. */
  async purge(): Promise<void> {
    const { database, clock } = this.#options;
    const { queries, tables } = database;
    const { oauth_clients, oauth_grants } = tables;
    const { id, created_at, last_used_at } = oauth_clients;
    const now = clock();
    const grants = queries
      .select({ id: oauth_grants.id })
      .from(oauth_grants)
      .where(eq(oauth_grants.client_id, id));
    const unused = and(isNull(last_used_at), lte(created_at, now - UNUSED_LIFETIME_MS));
    const idle = lte(last_used_at, now - IDLE_LIFETIME_MS);
    for (const which of [unused, idle]) {
      const old = queries
        .select({ id })
        .from(oauth_clients)
        .where(and(which, notExists(grants)))
        .limit(PURGE_MAX);
      await queries.delete(oauth_clients).where(inArray(id, old));
    }
  }

  async #row(id: string): Promise<Row | undefined> {
    const { queries, tables } = this.#options.database;
    const { oauth_clients } = tables;
    const [row] = await queries.select().from(oauth_clients).where(eq(oauth_clients.id, id));
    return row;
  }

  async #keepDocument(
    id: string,
    { asked, now, freshMs }: { asked: ClientRegistration; now: number; freshMs: number },
  ): Promise<OAuthClient> {
    const { queries, tables } = this.#options.database;
    const known = {
      ...{ name: asked.client_name || UNNAMED, client_uri: asked.client_uri ?? null },
      ...{ redirect_uris: redirectsOf(asked.redirect_uris), grant_types: grantTypesOf(asked) },
      // A document can hold no secret, so whoever it is shows PKCE's.
      ...{ auth_method: "none" as const, secret_hash: null, fresh_until: now + freshMs },
    };
    const [row] = await queries
      .insert(tables.oauth_clients)
      .values({ id, kind: "document", created_at: now, last_used_at: null, ...known })
      .onConflictDoUpdate({ target: tables.oauth_clients.id, set: known })
      .returning();
    if (row === undefined) throw new Error("A client's document was not kept");
    return clientOf(row);
  }

  async #makeRoom(): Promise<void> {
    const { database, clock } = this.#options;
    const { queries, tables } = database;
    const { id, created_at, last_used_at } = tables.oauth_clients;
    const [counted] = await queries
      .select({ unused: count() })
      .from(tables.oauth_clients)
      .where(isNull(last_used_at));
    if ((counted?.unused ?? 0) < UNUSED_MAX) return;
    const oldest = queries
      .select({ id })
      .from(tables.oauth_clients)
      .where(and(isNull(last_used_at), lte(created_at, clock() - UNUSED_SURE_MS)))
      .orderBy(asc(created_at))
      .limit(1);
    const gone = await queries
      .delete(tables.oauth_clients)
      .where(inArray(id, oldest))
      .returning({ id });
    if (gone.length > 0) return;
    throw new TooManyError(
      `Cannot register the client: ${UNUSED_MAX} others wait to be let in; try again in ten minutes`,
      { details: { retry_after_s: UNUSED_SURE_MS / 1000 } },
    );
  }
}
