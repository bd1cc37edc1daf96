/** Whether a secret is one of Luna's API keys now, and what it opens: the one check of every process. */
import { AGENT_KEY_NAME } from "../contract/agent-key.ts";
import { ApiKeysFile, type KeyScopes } from "../contract/api-keys.ts";
import type { RateLimit } from "../contract/config.ts";
import { UnavailableError } from "../lib/errors.ts";
import { generateSecret, hashSecret, sameHash } from "../lib/secret.ts";
import { WatchedFile } from "../lib/watched-file.ts";
import { NO_KEYS } from "./api-keys-store.ts";
import { AGENT_KEY_SCOPES } from "./scopes.ts";

/** Who has presented a good key. */
export interface KeyHolder {
  /** Of the key; `AGENT_API_KEY` is its own. */
  id: string;
  name: string;
  scopes: KeyScopes;
  /** The key's own limit; null when it has none. */
  rate_limit: RateLimit | null;
}

/** One hash that opens something until a moment, in milliseconds since 1970. */
interface Known {
  hash: string;
  until: number;
  holder: KeyHolder;
}

/** Compared with where nothing was found, so that an unknown key is handled as a known one. */
const NO_HASH = hashSecret(generateSecret());

function momentOf(time: string | null): number {
  return time === null ? Number.POSITIVE_INFINITY : Date.parse(time);
}

/** What of an entry is looked for: its secret, and the one before. */
type Secrets = Pick<
  ApiKeysFile["keys"][string],
  "key_hash" | "previous_hash" | "previous_expires_at"
>;

function knownOf(entry: Secrets, holder: KeyHolder, until: number): Known[] {
  const present: Known = { hash: entry.key_hash, until, holder };
  if (entry.previous_hash === null || entry.previous_expires_at === null) return [present];
  const untilThen = Math.min(until, momentOf(entry.previous_expires_at));
  return [present, { hash: entry.previous_hash, until: untilThen, holder }];
}

function indexOf({ agent_key, keys }: ApiKeysFile): Map<string, Known> {
  const index = new Map<string, Known>();
  const add = (known: Known): void => void index.set(known.hash, known);
  for (const entry of Object.values(keys)) {
    const { id, name, scopes, rate_limit } = entry;
    const holder = { id, name, scopes, rate_limit };
    knownOf(entry, holder, momentOf(entry.expires_at)).forEach(add);
  }
  if (agent_key !== null) {
    const name = AGENT_KEY_NAME;
    const holder = { id: name, name, scopes: AGENT_KEY_SCOPES, rate_limit: null };
    knownOf(agent_key, holder, Number.POSITIVE_INFINITY).forEach(add);
  }
  return index;
}

interface KeyCheckOptions {
  /** Of `.luna/api_keys.json`. */
  path: string;
  /** Milliseconds since 1970. */
  clock: () => number;
}

export class KeyCheck {
  readonly #file: WatchedFile<typeof ApiKeysFile>;
  readonly #clock: () => number;
  #of: ApiKeysFile | undefined;
  #index: ReadonlyMap<string, Known> = new Map();

  constructor({ path, clock }: KeyCheckOptions) {
    this.#file = new WatchedFile({ path, schema: ApiKeysFile, absent: NO_KEYS });
    this.#clock = clock;
  }

  /**
   * Who holds the key with this hash; undefined when it is unknown, expired or revoked. It is looked up in
   * the file as it is now, so a revocation counts at once: one stat, however many keys there are.
   * @throws UnavailableError when the file cannot be read and never could
   */
  async find(hash: string): Promise<KeyHolder | undefined> {
    const index = await this.#read();
    const known = index.get(hash);
    const isSame = sameHash(hash, known?.hash ?? NO_HASH);
    return known !== undefined && isSame && this.#clock() < known.until ? known.holder : undefined;
  }

  async #read(): Promise<ReadonlyMap<string, Known>> {
    let file: ApiKeysFile;
    try {
      file = await this.#file.read();
    } catch (cause) {
      // The reason names a file of this machine: for the log, not for whoever asks.
      throw new UnavailableError(
        "Cannot check the key: Luna's list of keys cannot be read; its log says why",
        { cause },
      );
    }
    if (file !== this.#of) {
      this.#index = indexOf(file);
      this.#of = file;
    }
    return this.#index;
  }
}
