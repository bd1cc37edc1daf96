/** `AGENT_API_KEY`: kept in `.env`, known to its checkers by its hash, and replaced without a restart of anything. */

import type { ApiKeys } from "../api-keys/api-keys.ts";
import type { EnvFile } from "../config/env-file.ts";
import { AGENT_KEY_NAME, API_KEY_PREFIX } from "../contract/agent-key.ts";
import { NotFoundError } from "../lib/errors.ts";
import { generateSecret } from "../lib/secret.ts";

interface AgentKeyOptions {
  envFile: EnvFile;
  apiKeys: Pick<ApiKeys, "setAgentKey">;
}

export class AgentKey {
  readonly #options: AgentKeyOptions;
  /** One change after another: between the two files somebody would see an edit by hand. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AgentKeyOptions) {
    this.#options = options;
  }

  /** The key as `.env` has it now. */
  async current(): Promise<string> {
    const key = await this.#read();
    if (key !== undefined) return key;
    throw new NotFoundError(
      `Cannot show ${AGENT_KEY_NAME}: there is none in ".env"; make a new one`,
    );
  }

  /** A new key; the one before goes on for the grace. */
  regenerate(grace_s: number): Promise<string> {
    return this.#inTurn(async () => {
      const key = generateSecret(API_KEY_PREFIX);
      await this.#options.envFile.set({ [AGENT_KEY_NAME]: key });
      await this.#options.apiKeys.setAgentKey(key, grace_s);
      return key;
    });
  }

  /** Takes over what `.env` has, whoever wrote it; what it had before stops. */
  sync(): Promise<void> {
    return this.#inTurn(async () => this.#options.apiKeys.setAgentKey(await this.#read(), 0));
  }

  async #read(): Promise<string | undefined> {
    return (await this.#options.envFile.read())[AGENT_KEY_NAME] || undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
