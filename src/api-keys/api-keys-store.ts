/** The store of `.luna/api_keys.json`: the supervisor alone writes it, 0600, and no key is in it. */
import { ApiKeysFile } from "../contract/api-keys.ts";
import { OwnedFile } from "../lib/owned-file.ts";

export const NO_KEYS = (): ApiKeysFile => ApiKeysFile.parse({});

export class ApiKeysStore extends OwnedFile<typeof ApiKeysFile> {
  constructor(path: string) {
    super({ path, schema: ApiKeysFile, absent: NO_KEYS });
  }
}
