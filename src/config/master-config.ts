/** The store of `.luna/master_config.json`: the defaults where there is none. */
import { MasterConfig } from "../contract/config.ts";
import { OwnedFile } from "../lib/owned-file.ts";

export class MasterConfigStore extends OwnedFile<typeof MasterConfig> {
  constructor(path: string) {
    super({ path, schema: MasterConfig, absent: () => MasterConfig.parse({}) });
  }
}
