/** What a sign-in that takes several steps has to come back with: random, kept here by its hash, good once and not for long. */
import { generateSecret, hashSecret } from "../../lib/secret.ts";

/** As many as all addresses together may begin (src/services/auth/attempt-limit.ts) while the oldest is still good. */
const CHALLENGES_MAX = 13_000;

interface ChallengesOptions {
  /** Milliseconds since 1970. */
  clock: () => number;
  lifetimeMs: number;
}

/** In memory: who is in the middle of it when Luna restarts has to begin again. */
export class Challenges<Facts> {
  readonly #options: ChallengesOptions;
  readonly #pending = new Map<string, { facts: Facts; expires_at: number }>();

  constructor(options: ChallengesOptions) {
    this.#options = options;
  }

  /** A new challenge; `facts` come back with it. */
  issue(facts: Facts): string {
    this.#forget();
    const challenge = generateSecret();
    const expires_at = this.#options.clock() + this.#options.lifetimeMs;
    this.#pending.set(hashSecret(challenge), { facts, expires_at });
    return challenge;
  }

  /** What was issued with it; undefined when it is unknown, too old or was taken before. */
  take(challenge: string): Facts | undefined {
    const hash = hashSecret(challenge);
    const found = this.#pending.get(hash);
    this.#pending.delete(hash);
    return found !== undefined && this.#options.clock() < found.expires_at
      ? found.facts
      : undefined;
  }

  /** All live equally long, so the oldest come first. */
  #forget(): void {
    const now = this.#options.clock();
    for (const [hash, { expires_at }] of this.#pending) {
      if (now < expires_at && this.#pending.size < CHALLENGES_MAX) return;
      this.#pending.delete(hash);
    }
  }
}
