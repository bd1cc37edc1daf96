/** API keys as their owner handles them: made, listed, changed, rotated, revoked. A key is told once and kept as a hash. */
import { type IdentifiedServer, identityOf } from "../config/server-identity.ts";
import { AGENT_KEY_NAME, API_KEY_PREFIX } from "../contract/agent-key.ts";
import {
  type AgentKeyEntry,
  AgentKeyView,
  ApiKeyEntry,
  type ApiKeyList,
  type ApiKeysFile,
  ApiKeyView,
  type ChangeApiKey,
  type CreateApiKey,
  type KeyScopes,
  type NewApiKey,
} from "../contract/api-keys.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { hashSecret } from "../lib/secret.ts";
import type { ApiKeysStore } from "./api-keys-store.ts";
import type { KeyUseTimes } from "./key-use-times.ts";
import { keptOf, newSecret } from "./new-secret.ts";

const ID_BYTES = 8;
const KEYS_MAX = 500;

interface ApiKeysOptions {
  store: ApiKeysStore;
  useTimes: KeyUseTimes;
  /** The named MCP servers there are. */
  servers(): Promise<readonly IdentifiedServer[]>;
  /** Milliseconds since 1970. */
  clock: () => number;
}

type Servers = readonly IdentifiedServer[];

/**
 * The scopes as they are kept: a key is for the servers that its owner chose, and not for later ones of their names.
 * @throws InvalidInputError for a server that is not there
 */
function keptScopes(scopes: KeyScopes, servers: Servers): KeyScopes {
  if (scopes.mcp_servers === "all") return scopes;
  const mcp_servers = scopes.mcp_servers.map((wanted) => {
    const server = servers.find(({ name }) => name === wanted);
    if (server !== undefined) return identityOf(server);
    const names = servers.map(({ name }) => name).join(", ") || "none yet";
    throw new InvalidInputError(
      `Cannot give a key the MCP server "${wanted}": there is none of that name; there are: ${names}`,
    );
  });
  return { ...scopes, mcp_servers };
}

/** The scopes as people know them: by what servers are called now, without those that are gone. */
function shownScopes(scopes: KeyScopes, servers: Servers): KeyScopes {
  if (scopes.mcp_servers === "all") return scopes;
  const mcp_servers = scopes.mcp_servers.flatMap((identity) => {
    const server = servers.find((one) => identityOf(one) === identity);
    return server === undefined ? [] : [server.name];
  });
  return { ...scopes, mcp_servers };
}

/** Puts a new secret in the place of the old one, which goes on for the grace. */
function replaceSecret(
  entry: ApiKeyEntry | AgentKeyEntry,
  secret: string,
  { now, grace_s }: { now: number; grace_s: number },
): void {
  entry.previous_hash = grace_s > 0 ? entry.key_hash : null;
  entry.previous_expires_at = grace_s > 0 ? new Date(now + grace_s * 1000).toISOString() : null;
  Object.assign(entry, keptOf(secret));
  entry.rotated_at = new Date(now).toISOString();
}

/** By its name, which people see the same however it is written. */
function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function requireKey({ keys }: ApiKeysFile, id: string): ApiKeyEntry {
  const entry = keys[id];
  if (entry === undefined) {
    throw new NotFoundError(`Cannot find the API key "${id}": there is none with that id`);
  }
  return entry;
}

function requireFreeName({ keys }: ApiKeysFile, name: string, own?: string): void {
  const taken = Object.values(keys).find((key) => key.id !== own && sameName(key.name, name));
  if (taken !== undefined || sameName(name, AGENT_KEY_NAME)) {
    throw new ConflictError(
      `Cannot name an API key "${name}": there is one of that name; choose another, or rotate that one`,
    );
  }
}

export class ApiKeys {
  readonly #store: ApiKeysStore;
  readonly #useTimes: KeyUseTimes;
  readonly #servers: ApiKeysOptions["servers"];
  readonly #clock: () => number;

  constructor({ store, useTimes, servers, clock }: ApiKeysOptions) {
    this.#store = store;
    this.#useTimes = useTimes;
    this.#servers = servers;
    this.#clock = clock;
  }

  /** In the order in which they were made. */
  async list(): Promise<ApiKeyList> {
    const { keys, agent_key } = await this.#store.read();
    const servers = await this.#servers();
    const views = Object.values(keys).map((entry) => this.#view(entry, servers));
    return {
      keys: views.toSorted((one, other) => one.created_at.localeCompare(other.created_at)),
      agent_key: agent_key === null ? null : this.#agentView(agent_key),
    };
  }

  async create(request: CreateApiKey): Promise<NewApiKey> {
    this.#requireFuture(request.expires_at);
    const servers = await this.#servers();
    const { secret, kept } = newSecret(API_KEY_PREFIX);
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES)).toHex();
    const entry = ApiKeyEntry.parse({
      ...request,
      ...kept,
      scopes: keptScopes(request.scopes, servers),
      id,
      created_at: this.#now(),
    });
    await this.#store.update((file) => {
      requireFreeName(file, entry.name);
      if (Object.keys(file.keys).length >= KEYS_MAX) {
        throw new ConflictError(
          `Cannot create the API key "${entry.name}": there are ${KEYS_MAX}, the most; revoke one first`,
        );
      }
      file.keys[id] = entry;
    });
    return { key: this.#view(entry, servers), api_key: secret };
  }

  /** What it opens, and until when; counts with the next request. */
  async change(id: string, request: ChangeApiKey): Promise<ApiKeyView> {
    if (request.expires_at !== undefined) this.#requireFuture(request.expires_at);
    const servers = await this.#servers();
    const changed = await this.#store.update((file) => {
      const entry = requireKey(file, id);
      if (request.name !== undefined) requireFreeName(file, request.name, id);
      const { scopes, ...rest } = request;
      Object.assign(entry, rest);
      if (scopes !== undefined) entry.scopes = keptScopes(scopes, servers);
    });
    return this.#view(requireKey(changed, id), servers);
  }

  /** A new secret for the same key; the old one goes on for the grace, one from before that ends. */
  async rotate(id: string, grace_s: number): Promise<NewApiKey> {
    const { secret } = newSecret(API_KEY_PREFIX);
    const rotated = await this.#store.update((file) =>
      replaceSecret(requireKey(file, id), secret, { now: this.#clock(), grace_s }),
    );
    const key = this.#view(requireKey(rotated, id), await this.#servers());
    return { key, api_key: secret };
  }

  /** The next request with it is refused. */
  async revoke(id: string): Promise<ApiKeyView> {
    const entry = requireKey(await this.#store.read(), id);
    await this.#store.update((file) => {
      requireKey(file, id);
      delete file.keys[id];
    });
    this.#useTimes.forget(id);
    return this.#view(entry, await this.#servers());
  }

  /**
   * Makes the secret in `.env` the one that is known as `AGENT_API_KEY`; without one, none is.
   * @param grace_s how long the one before goes on
   */
  async setAgentKey(secret: string | undefined, grace_s: number): Promise<void> {
    const { agent_key } = await this.#store.read();
    const hash = secret === undefined ? undefined : hashSecret(secret);
    if (agent_key?.key_hash === hash) return;
    await this.#store.update((file) => {
      if (secret === undefined || hash === undefined) file.agent_key = null;
      else if (file.agent_key !== null) {
        replaceSecret(file.agent_key, secret, { now: this.#clock(), grace_s });
      } else {
        file.agent_key = {
          ...keptOf(secret),
          created_at: this.#now(),
          rotated_at: null,
          last_used_at: null,
          previous_hash: null,
          previous_expires_at: null,
        };
      }
    });
  }

  #now(): string {
    return new Date(this.#clock()).toISOString();
  }

  #requireFuture(expires_at: string | null): void {
    if (expires_at === null || Date.parse(expires_at) > this.#clock()) return;
    throw new InvalidInputError(
      `Cannot let an API key expire at ${expires_at}: that is past; give a time to come, or null for never`,
    );
  }

  #isPast(time: string | null): boolean {
    return time !== null && Date.parse(time) <= this.#clock();
  }

  /** What the contract shows, and nothing more: the file may have what this version does not know. */
  #view(entry: ApiKeyEntry, servers: Servers): ApiKeyView {
    return ApiKeyView.parse({
      ...entry,
      scopes: shownScopes(entry.scopes, servers),
      ...this.#agentView(entry, entry.id),
      is_expired: this.#isPast(entry.expires_at),
    });
  }

  #agentView(entry: ApiKeyEntry | AgentKeyEntry, id = AGENT_KEY_NAME): AgentKeyView {
    const { previous_expires_at } = entry;
    return AgentKeyView.parse({
      ...entry,
      last_used_at: this.#useTimes.latest(id, entry.last_used_at),
      previous_expires_at: this.#isPast(previous_expires_at) ? null : previous_expires_at,
    });
  }
}
