/** Whether a key opens an extension's service: its hash is compared with the one in master_config.json as it is now. */
import type { MasterConfig, ServiceKey } from "../../contract/config.ts";
import { UnavailableError } from "../../lib/errors.ts";
import { generateSecret, hashSecret, sameHash } from "../../lib/secret.ts";

/** Compared with where there is no key, so that the answer takes as long as for a wrong one. */
const NO_HASH = hashSecret(generateSecret());

interface ServiceKeysOptions {
  config: { read(): Promise<MasterConfig> };
  /** Milliseconds since 1970. */
  clock: () => number;
}

/** The hash now, and the one before for as long as it goes on. */
function hashesOf(entry: ServiceKey | string | undefined, now: number): [string, string] {
  if (entry === undefined) return [NO_HASH, NO_HASH];
  if (typeof entry === "string") return [hashSecret(entry), NO_HASH];
  const { key_hash, previous_hash, previous_expires_at } = entry;
  const isGoingOn = previous_expires_at !== null && now < Date.parse(previous_expires_at);
  return [key_hash, isGoingOn ? (previous_hash ?? NO_HASH) : NO_HASH];
}

export class ServiceKeyCheck {
  readonly #options: ServiceKeysOptions;

  constructor(options: ServiceKeysOptions) {
    this.#options = options;
  }

  /**
   * @param service `<extension>.<service>`
   * @throws UnavailableError when the configuration cannot be read and never could
   */
  async opens(service: string, key: string): Promise<boolean> {
    const { config, clock } = this.#options;
    let keys: MasterConfig["service_api_keys"];
    try {
      keys = (await config.read()).service_api_keys;
    } catch (cause) {
      // The reason names a file of this machine: for the log, not for whoever asks.
      throw new UnavailableError(
        "Cannot check the key: Luna's configuration cannot be read; its log says why",
        { cause },
      );
    }
    const hash = hashSecret(key);
    const entry = Object.hasOwn(keys, service) ? keys[service] : undefined;
    const [present, previous] = hashesOf(entry, clock());
    const isPresent = sameHash(hash, present);
    return sameHash(hash, previous) || isPresent;
  }
}
