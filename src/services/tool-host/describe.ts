/** The description run of a tool host: imports the tools, writes what they are, and ends. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Paths } from "../../config/paths.ts";
import type { ToolsFile } from "../../contract/tool.ts";
import { describeLoaded, describeTools } from "../../extensions/describe-tools.ts";
import type { LoadedTools, OtherLoaders } from "../../extensions/load-tools.ts";
import { messageOf } from "../../lib/errors.ts";
import { writeJsonAtomic } from "../../lib/files.ts";
import { redact } from "../../lib/log.ts";

/** The description of what a serving host has loaded. An error of the extension's own may say what it was given. */
export function describedAs(
  of: { extension: string; content_hash: string; secrets: readonly string[] },
  loaded: LoadedTools,
): ToolsFile {
  const { extension, content_hash, secrets } = of;
  const described = describeLoaded({ extension, content_hash }, loaded);
  return { ...described, problems: described.problems.map((text) => redact(text, secrets)) };
}

export async function saveDescription(paths: Paths, described: ToolsFile): Promise<void> {
  await mkdir(paths.tools, { recursive: true, mode: 0o700 });
  await writeJsonAtomic(paths.toolsFile(described.extension), described);
}

/**
 * Writes `.luna/tools/<extension>.json`. Import may start anything: the caller ends this process
 * afterwards, and whoever started it bounds its time.
 */
export async function writeDescription(
  paths: Paths,
  options: { extension: string; secrets: readonly string[]; others: OtherLoaders },
): Promise<void> {
  const { extension, secrets, others } = options;
  let written = false;
  process.on("exit", () => {
    // A file that calls process.exit(0) when it is imported has described nothing.
    if (!written) process.exitCode = 1;
  });
  const stray: string[] = [];
  const onStray = (error: unknown): void => {
    stray.push(`A tool file left an error uncaught when it was loaded: ${messageOf(error)}`);
  };
  process.on("uncaughtException", onStray);
  process.on("unhandledRejection", onStray);
  const path = join(paths.extensions, extension);
  const described = await describeTools({ name: extension, path }, others);
  await setImmediate(); // Rejections are reported when the event loop comes round.
  // An error of the extension's own may say what it was given.
  const problems = [...described.problems, ...stray].map((text) => redact(text, secrets));
  await saveDescription(paths, { ...described, problems });
  written = true;
}
