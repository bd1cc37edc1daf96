/** The supervisor's share in API keys: their one writer, and that `AGENT_API_KEY` counts as `.env` has it. */
import { ApiKeys } from "../api-keys/api-keys.ts";
import { ApiKeysStore } from "../api-keys/api-keys-store.ts";
import { KeyUseTimes } from "../api-keys/key-use-times.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Problem } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { AgentKey } from "./agent-key.ts";
import type { SpecContext } from "./core-services.ts";
import { watchFiles } from "./file-watch.ts";
import { problemFrom } from "./overview.ts";

const MENDED_BY_HAND = "Fix the file; Luna takes it up by itself.";

interface KeysOptions {
  context: Pick<SpecContext, "paths" | "envFile">;
  config: Pick<MasterConfigStore, "read">;
  log: Logger;
  /** After each change that somebody may want to see. */
  onChange(): void;
}

/** All parts, nothing of them acting yet. */
export function createKeys({ context, config, log, onChange }: KeysOptions) {
  const { paths, envFile } = context;
  const store = new ApiKeysStore(paths.apiKeys);
  const useTimes = new KeyUseTimes({ store, log });
  const servers = async () => Object.values((await config.read()).mcp_servers);
  const apiKeys = new ApiKeys({ store, useTimes, servers, clock: Date.now });
  const agentKey = new AgentKey({ envFile, apiKeys });
  let failure: string | undefined;
  let problem: Problem | undefined;

  const sync = async (): Promise<void> => {
    try {
      await agentKey.sync();
      failure = undefined;
    } catch (error) {
      // Keys that were good before go on; this one is taken over when the file can be read again.
      failure = messageOf(error);
    }
    const text = store.problem ?? failure;
    if (text === problem?.title) return;
    if (text !== undefined) log.error(text);
    problem = text === undefined ? undefined : problemFrom("api-keys", text, MENDED_BY_HAND);
    onChange();
  };
  return {
    apiKeys,
    agentKey,
    useTimes,
    problems: (): Problem[] => (problem === undefined ? [] : [problem]),
    /** Makes the files agree, now and after each edit by hand. */
    watchKeys: async (): Promise<void> => {
      await sync();
      watchFiles({
        files: () => [paths.env, paths.apiKeys],
        isDue: () => failure !== undefined,
        onChange: sync,
      });
    },
  };
}
