/** `luna ext new <name>`: lays out a new extension that works at once, also on the Luna that runs. */
import { join } from "node:path";
import type { Environment } from "../../config/environment.ts";
import { layOutHome } from "../../config/home.ts";
import { pathsOf } from "../../config/paths.ts";
import { runningSupervisor } from "../../config/running.ts";
import { provideAuthorKit } from "../../extensions/author-kit.ts";
import { createExtension } from "../../extensions/scaffold.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { EXT_USAGE } from "../usage.ts";
import { readExtensionName } from "./extension-name.ts";
import { reload, reloadText } from "./reload.ts";

const FLAG = { type: "boolean", default: false } as const;

export async function extNew(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.new,
    options: { python: FLAG, "no-ui": FLAG, "no-service": FLAG },
    words: { min: 1, max: 1 },
  });
  const name = readExtensionName(positionals[0] ?? "");
  const paths = pathsOf(environment.home);
  const isRunning = runningSupervisor(paths.state) !== undefined;
  if (!isRunning) await layOutHome(paths);
  const files = await createExtension(paths.extensions, {
    name,
    isPython: values.python,
    hasUi: !values["no-ui"],
    hasService: !values["no-service"],
  });
  await provideAuthorKit(paths.sdk);
  process.stdout.write(`${join(paths.extensions, name)}\n`);
  for (const file of files) process.stdout.write(`  ${file}\n`);
  if (isRunning) {
    const reloaded = await reload(await Control.of(environment), name, {});
    process.stdout.write(`${reloadText(reloaded)}\n`);
  } else process.stdout.write('Luna does not run: "luna up" starts it with the new extension.\n');
  process.stdout.write(`Next: luna ext dev ${name}\n`);
  return 0;
}
