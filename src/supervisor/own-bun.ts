/** Gives extensions a `bun` that is Luna itself, so that a machine without Bun runs them too. */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Paths } from "../config/paths.ts";
import { readTextIfThere, writeFileAtomic } from "../lib/files.ts";

const EXECUTABLE = 0o755;

/** Writes `.luna/bin/bun`, unless it is right already. */
export async function provideBun({ bin }: Pick<Paths, "bin">): Promise<void> {
  const path = join(bin, "bun");
  const program = process.execPath.replaceAll("'", "'\\''");
  const script = `#!/bin/sh\nBUN_BE_BUN=1 exec '${program}' "$@"\n`;
  if ((await readTextIfThere(path)) === script) return;
  await mkdir(bin, { recursive: true });
  await writeFileAtomic(path, script, EXECUTABLE);
  // The umask may have taken rights away.
  await chmod(path, EXECUTABLE);
}
