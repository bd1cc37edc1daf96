/** `luna tool-host <extension> [--describe]`: runs one extension's tools; the supervisor starts these. */
import type { Environment } from "../config/environment.ts";
import { ThingName } from "../contract/names.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { main } from "../services/tool-host/main.ts";
import { readArguments } from "./arguments.ts";

const USAGE = "luna tool-host <extension> [--describe]";

export async function toolHost(environment: Environment, args: string[]): Promise<number> {
  const { positionals, values } = readArguments(args, {
    usage: USAGE,
    words: { min: 1, max: 1 },
    options: { describe: { type: "boolean", default: false } },
  });
  const name = ThingName.safeParse(positionals[0]);
  if (!name.success) {
    throw new InvalidInputError(`Cannot run the tools of "${positionals[0]}": no extension's name`);
  }
  await main(environment, name.data, { describe: values.describe });
  return 0;
}
