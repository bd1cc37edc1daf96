/** `luna ext dev <name>`: takes up each change of an extension's files as soon as it is saved. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../config/environment.ts";
import { pathsOf } from "../../config/paths.ts";
import { provideAuthorKit } from "../../extensions/author-kit.ts";
import { LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import { askedToStop } from "../../lib/stop.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { EXT_USAGE } from "../usage.ts";
import { partsOf, watchFolder } from "./changes.ts";
import { readExtensionName } from "./extension-name.ts";
import { reload, reloadText } from "./reload.ts";

const CLOCK_LENGTH = 8;

interface Told {
  files: readonly string[];
  /** What was done, or why not. */
  outcome: { reload: Awaited<ReturnType<typeof reload>> } | { error: string };
}

function tell({ files, outcome }: Told, isJson: boolean): void {
  if (isJson) {
    const line = { at: new Date().toISOString(), files, ...outcome };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const clock = new Date().toTimeString().slice(0, CLOCK_LENGTH);
  if (files.length > 0) process.stdout.write(`${clock}  ${files.join(", ")}\n`);
  const text = "error" in outcome ? outcome.error : reloadText(outcome.reload);
  process.stdout.write(`${text}\n`);
}

export async function extDev(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.dev,
    options: { json: { type: "boolean", default: false } },
    words: { min: 1, max: 1 },
  });
  const name = readExtensionName(positionals[0] ?? "");
  const paths = pathsOf(environment.home);
  const folder = join(paths.extensions, name);
  if (!existsSync(folder)) {
    throw new NotFoundError(
      `Cannot find "${folder}": make it with "luna ext new ${name}", or copy or link it there`,
    );
  }
  const stopping = askedToStop();
  const control = await Control.of(environment);
  await provideAuthorKit(paths.sdk);
  const first = await reload(control, name, { parts: ["tools"], stay: true });
  tell({ files: [], outcome: { reload: first } }, values.json);
  const end = await watchFolder(folder, async (files) => {
    const parts = partsOf(files);
    if (parts?.length === 0) return;
    try {
      const request = { ...(parts === undefined ? {} : { parts }), stay: true };
      tell({ files, outcome: { reload: await reload(control, name, request) } }, values.json);
    } catch (error) {
      // Luna may be restarting; the next change tries again.
      if (!(error instanceof LunaError)) throw error;
      tell({ files, outcome: { error: messageOf(error) } }, values.json);
    }
  });
  if (!values.json) process.stdout.write(`Watching ${folder}; Ctrl-C ends this.\n`);
  await stopping;
  end();
  return 0;
}
