/** `luna service <name>`: runs one core service; the supervisor starts these. */
import type { Environment } from "../config/environment.ts";
import { CoreServiceName } from "../contract/process.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";

type Main = (environment: Environment) => Promise<void>;

const MAINS: Record<CoreServiceName, () => Promise<Main>> = {
  auth: async () => (await import("../services/auth/main.ts")).main,
  agent: async () => (await import("../services/agent/main.ts")).main,
  mcp: async () => (await import("../services/mcp/main.ts")).main,
  hub: async () => (await import("../services/hub/main.ts")).main,
};

export async function service(environment: Environment, args: string[]): Promise<number> {
  const usage = "luna service <name>";
  const [given = ""] = readArguments(args, {
    usage,
    options: {},
    words: { min: 1, max: 1 },
  }).positionals;
  const name = CoreServiceName.safeParse(given);
  if (!name.success) {
    const names = CoreServiceName.options.join(", ");
    throw new InvalidInputError(`Cannot run the service "${given}": there are ${names}`);
  }
  const main = await MAINS[name.data]();
  await main(environment);
  return 0;
}
