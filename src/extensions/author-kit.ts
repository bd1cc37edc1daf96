/** Keeps `.luna/sdk` as this Luna's: the types and modules that editors and tests of extensions read. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readTextIfThere, temporaryName } from "../lib/files.ts";

/** Holds the hash of what is laid out. */
const STAMP_FILE = ".version";

/** Lays out the kit, unless the one that is there is this very one. */
export async function provideAuthorKit(folder: string): Promise<void> {
  const { AUTHOR_KIT } = await import("./author-kit.generated.ts");
  if ((await readTextIfThere(join(folder, STAMP_FILE))) === AUTHOR_KIT.hash) return;
  const staging = temporaryName(folder);
  try {
    await mkdir(dirname(folder), { recursive: true });
    const archive = new Bun.Archive(await Bun.file(AUTHOR_KIT.file).bytes());
    await archive.extract(staging);
    await writeFile(join(staging, STAMP_FILE), AUTHOR_KIT.hash);
    // For a moment there is none: only editors read it.
    await rm(folder, { recursive: true, force: true });
    await rename(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
