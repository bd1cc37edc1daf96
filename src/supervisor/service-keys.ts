/** Keys of extensions' services: made, replaced, deleted; kept as hashes in the configuration, which auth reads. */
import { keptOf, newSecret } from "../api-keys/new-secret.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig, ServiceKey } from "../contract/config.ts";
import type { NewServiceKey, ServiceKeyList, ServiceKeyView } from "../contract/service-keys.ts";
import { discoverExtensions } from "../extensions/discovery.ts";
import { accessOf } from "../extensions/exposure.ts";
import { type OwnProcess, ownProcesses } from "../extensions/own-processes.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";

/** As every key of Luna's, so that logs and Caddy know it for one. */
const KEY_PREFIX = "sk-luna-service-";
const MS_PER_S = 1_000;

interface ServiceKeysOptions {
  paths: Paths;
  config: MasterConfigStore;
}

interface Named {
  extension: string;
  service: string;
}

type Keys = MasterConfig["service_api_keys"];
type Made = Pick<ServiceKey, "key_hash" | "key_hint" | "previous_hash" | "previous_expires_at">;

function nameOf({ extension, service }: Named): string {
  return `${extension}.${service}`;
}

function entryOf(keys: Keys, name: string): ServiceKey | string | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

/** What is kept of a key that somebody wrote into the file in the clear. */
export function keptEntry(entry: ServiceKey | string, now: Date): ServiceKey {
  if (typeof entry !== "string") return entry;
  const fresh = { previous_hash: null, previous_expires_at: null };
  return { ...keptOf(entry), created_at: now.toISOString(), ...fresh };
}

export class ServiceKeys {
  readonly #options: ServiceKeysOptions;

  constructor(options: ServiceKeysOptions) {
    this.#options = options;
  }

  async list(): Promise<ServiceKeyList> {
    const { service_api_keys } = await this.#options.config.read();
    const required = await this.#required();
    return Object.fromEntries(
      Object.keys(service_api_keys)
        .sort()
        .map((name) => [name, viewOf(name, service_api_keys, required)]),
    );
  }

  /** @throws NotFoundError */
  async view(named: Named): Promise<ServiceKeyView> {
    const name = nameOf(named);
    const { service_api_keys } = await this.#options.config.read();
    requireEntry(service_api_keys, name);
    return viewOf(name, service_api_keys, await this.#required());
  }

  /** @throws NotFoundError without such a service, ConflictError when it has a key */
  async create(named: Named): Promise<NewServiceKey> {
    const name = nameOf(named);
    const services = await this.#services();
    if (!services.some((one) => isOf(one, named))) {
      throw new NotFoundError(
        `Cannot make a key for "${name}": no installed extension has such a service`,
      );
    }
    const { secret, kept } = newSecret(KEY_PREFIX);
    return this.#write(name, secret, (keys) => {
      if (entryOf(keys, name) !== undefined) {
        throw new ConflictError(
          `Cannot make a key for "${name}": it has one; make another one in its place`,
        );
      }
      return { ...kept, previous_hash: null, previous_expires_at: null };
    });
  }

  /**
   * Another key; the one before goes on for `grace_s`.
   * @throws NotFoundError
   */
  async regenerate(named: Named, grace_s: number): Promise<NewServiceKey> {
    const name = nameOf(named);
    const { secret, kept } = newSecret(KEY_PREFIX);
    return this.#write(name, secret, (keys, now) => {
      const before = keptEntry(requireEntry(keys, name), now);
      if (grace_s === 0) return { ...kept, previous_hash: null, previous_expires_at: null };
      const until = new Date(now.getTime() + grace_s * MS_PER_S).toISOString();
      return { ...kept, previous_hash: before.key_hash, previous_expires_at: until };
    });
  }

  /** Counts with the next request. @throws NotFoundError */
  async delete(named: Named): Promise<void> {
    const name = nameOf(named);
    await this.#options.config.update(({ service_api_keys }) => {
      requireEntry(service_api_keys, name);
      delete service_api_keys[name];
    });
  }

  async #write(
    name: string,
    api_key: string,
    entry: (keys: Keys, now: Date) => Made,
  ): Promise<NewServiceKey> {
    const required = await this.#required();
    const { service_api_keys } = await this.#options.config.update((draft) => {
      const now = new Date();
      const made = entry(draft.service_api_keys, now);
      draft.service_api_keys[name] = { ...made, created_at: now.toISOString() };
    });
    return { ...viewOf(name, service_api_keys, required), api_key };
  }

  async #services(): Promise<OwnProcess[]> {
    const { extensions } = await discoverExtensions(this.#options.paths.extensions);
    const own = await Promise.all(extensions.map(ownProcesses));
    return own.flatMap(({ processes }) => processes);
  }

  async #required(): Promise<ReadonlySet<string>> {
    const keyed = (await this.#services()).filter(
      ({ config }) => accessOf(config.public_exposure) === "key",
    );
    return new Set(keyed.map(({ extension, service = "" }) => nameOf({ extension, service })));
  }
}

function isOf(one: OwnProcess, { extension, service }: Named): boolean {
  return one.extension === extension && one.service === service;
}

function requireEntry(keys: Keys, name: string): ServiceKey | string {
  const entry = entryOf(keys, name);
  if (entry !== undefined) return entry;
  const names = Object.keys(keys).sort().join(", ") || "none";
  throw new NotFoundError(`Cannot find a key of "${name}": there are ${names}`);
}

function viewOf(name: string, keys: Keys, required: ReadonlySet<string>): ServiceKeyView {
  const entry = requireEntry(keys, name);
  const kept = typeof entry === "string" ? keptOf(entry) : entry;
  const { created_at = null, previous_expires_at = null } = typeof entry === "string" ? {} : entry;
  return {
    ...{ service: name, key_hint: kept.key_hint, created_at, previous_expires_at },
    is_required: required.has(name),
  };
}
