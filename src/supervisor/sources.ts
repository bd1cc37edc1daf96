/** The supervisor's share in sources: GitHub, uploads and the store, as they are configured now. */

import { githubApi, SOURCE_VARIABLES } from "../config/github.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { GithubRepositories } from "../sources/github.ts";
import { Sources } from "../sources/sources.ts";
import { EMBEDDED_INDEX } from "../sources/store/embedded.ts";
import { Store, type StoreSettings } from "../sources/store/store.ts";
import { Uploads } from "../sources/uploads.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import { readConfig } from "./settings.ts";

/** The store's address in the environment or `.env`, before master_config's; `off` asks nobody. */
const STORE_VARIABLE = "STORE_URL";
const OFF: ReadonlySet<string> = new Set(["off", ""]);
const MS_PER_HOUR = 3_600_000;

interface SourcesOptions {
  context: SpecContext;
  config: MasterConfigStore;
  log: Logger;
}

/** All parts, nothing of them acting yet. */
export function createSources({ context, config, log }: SourcesOptions) {
  const { paths } = context;
  const storeSettings = async (): Promise<StoreSettings> => {
    const { [STORE_VARIABLE]: given } = await settingsOf(context, [STORE_VARIABLE]);
    const { store } = await readConfig(config, () => undefined);
    const url = given ?? store.url;
    return {
      url: OFF.has(url.toLowerCase()) ? undefined : url,
      refresh_ms: store.refresh_hours * MS_PER_HOUR,
    };
  };
  const store = new Store({
    ...{ path: paths.store, embedded: EMBEDDED_INDEX, settings: storeSettings, log },
  });
  const uploads = new Uploads({ folder: paths.uploads });
  const github = new GithubRepositories({
    api: async () => githubApi(await settingsOf(context, SOURCE_VARIABLES)),
  });
  const sources = new Sources({
    ...{ github, uploads },
    bundled: async () => (await import("../extensions/bundled.generated.ts")).BUNDLED,
    checksumOf: (source) => store.checksumOf(source),
  });
  return {
    ...{ sources, uploads, store },
    entries: async () => (await config.read()).extensions,
    startSources: async (): Promise<void> => {
      await uploads.sweep().catch((error: unknown) => {
        log.warn("Old uploads could not be removed", { reason: messageOf(error) });
      });
      store.start();
    },
  };
}
