/** `luna login-link`: makes another one-time sign-in link. */
import type { Environment } from "../config/environment.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { USAGE } from "./usage.ts";

export async function loginLink(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: USAGE["login-link"], options: {} });
  const control = await Control.of(environment);
  const { public_url } = await control.overview();
  process.stdout.write(`${await control.loginLink(public_url)}\n`);
  process.stderr.write("Works once, for 30 minutes.\n");
  return 0;
}
