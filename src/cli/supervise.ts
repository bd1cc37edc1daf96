/** `luna supervise`: the supervisor; `luna up` starts it. */
import type { Environment } from "../config/environment.ts";
import { main } from "../supervisor/main.ts";
import { readArguments } from "./arguments.ts";

export async function supervise(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: "luna supervise", options: {} });
  await main(environment);
  return 0;
}
