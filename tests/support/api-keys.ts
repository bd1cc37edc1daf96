/** API keys on a file and a clock of their own, and the gate that checks them, as the processes have both. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiKeys } from "../../src/api-keys/api-keys.ts";
import { ApiKeysStore } from "../../src/api-keys/api-keys-store.ts";
import { KeyCheck } from "../../src/api-keys/key-check.ts";
import { KeyGate } from "../../src/api-keys/key-gate.ts";
import { KeyUseTimes } from "../../src/api-keys/key-use-times.ts";
import { CreateApiKey, type NewApiKey } from "../../src/contract/api-keys.ts";
import { MasterConfig } from "../../src/contract/config.ts";
import { createLogger } from "../../src/lib/log.ts";
import { RateLimiter } from "../../src/lib/rate-limit.ts";

const START = Date.parse("2031-01-31T12:00:00.000Z");
const LIMITED_MAX = 1_000;

export type KeysHarness = ReturnType<typeof keysIn>;

/** @param folder where the file lies; it need not be there yet */
function keysIn(folder: string) {
  const path = join(folder, "api_keys.json");
  const time = { now: START };
  const clock = (): number => time.now;
  const logged: string[] = [];
  const log = createLogger("test", [], (line) => logged.push(line));
  const store = new ApiKeysStore(path);
  const useTimes = new KeyUseTimes({ store, log });
  const settings = { config: MasterConfig.parse({}) };
  const servers = async () => Object.values(settings.config.mcp_servers);
  const apiKeys = new ApiKeys({ store, useTimes, servers, clock });
  const noted: string[] = [];
  const gate = new KeyGate({
    check: new KeyCheck({ path, clock }),
    limiter: new RateLimiter({ clock, namesMax: LIMITED_MAX }),
    config: { read: async () => settings.config },
    uses: { note: (id) => noted.push(id) },
  });
  return {
    ...{ path, time, clock, log, logged, store, useTimes, apiKeys, settings, noted, gate },
    /** Makes a key that opens everything, as far as `request` does not say otherwise. */
    create: (name: string, request: Partial<CreateApiKey> = {}): Promise<NewApiKey> =>
      apiKeys.create(
        CreateApiKey.parse({
          name,
          scopes: { agents: "all", mcp_servers: "all" },
          ...request,
        }),
      ),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function startKeys(): Promise<KeysHarness> {
  return keysIn(await mkdtemp(join(tmpdir(), "luna-keys-")));
}

/** For tests in which nobody has an access token. */
export const NO_OAUTH = {
  publicUrl: "http://127.0.0.1:8443",
  find: async () => undefined,
  refusalOf: () => undefined,
};

/** For tests in which nobody has a named key. */
export function noKeys(): KeyGate {
  return keysIn(join(tmpdir(), "luna-without-keys")).gate;
}
