/** `luna service <name>`: runs one core service; the supervisor starts these. */
import type { Environment } from "../config/environment.ts";
import { CoreServiceName } from "../contract/process.ts";
import { InvalidInputError } from "../lib/errors.ts";

type Main = (environment: Environment) => Promise<void>;

const MAINS: Record<CoreServiceName, () => Promise<Main>> = {
  auth: async () => (await import("../services/auth/main.ts")).main,
  agent: async () => (await import("../services/agent/main.ts")).main,
  mcp: async () => (await import("../services/mcp/main.ts")).main,
  hub: async () => (await import("../services/hub/main.ts")).main,
};

export async function service(environment: Environment, args: string[]): Promise<number> {
  const name = CoreServiceName.safeParse(args[0]);
  if (!name.success) {
    const names = CoreServiceName.options.join(", ");
    throw new InvalidInputError(`Cannot run the service "${args[0] ?? ""}": there are ${names}`);
  }
  const main = await MAINS[name.data]();
  await main(environment);
  return 0;
}
