/** `luna tool-host <extension> [--describe]`: runs one extension's tools; the supervisor starts these. */
import type { Environment } from "../config/environment.ts";
import { ThingName } from "../contract/names.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { main } from "../services/tool-host/main.ts";

export async function toolHost(environment: Environment, args: string[]): Promise<number> {
  const [name = "", flag] = args;
  if (!ThingName.safeParse(name).success || (flag !== undefined && flag !== "--describe")) {
    throw new InvalidInputError("Usage: luna tool-host <extension> [--describe]");
  }
  await main(environment, name, { describe: flag === "--describe" });
  return 0;
}
