/** The store of `.luna/master_config.json`: the defaults where there is none. */
import { MasterConfig } from "../contract/config.ts";
import { OwnedFile } from "../lib/owned-file.ts";

export class MasterConfigStore extends OwnedFile<typeof MasterConfig> {
  /** @param onEdit told of each change that was not made through this store */
  constructor(
    path: string,
    onEdit: (before: MasterConfig, after: MasterConfig) => void = () => undefined,
  ) {
    super({ path, schema: MasterConfig, absent: () => MasterConfig.parse({}), onEdit });
  }
}
