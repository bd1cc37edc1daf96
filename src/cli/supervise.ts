/** `luna supervise`: the supervisor; `luna up` starts it. */
import type { Environment } from "../config/environment.ts";
import { main } from "../supervisor/main.ts";

export async function supervise(environment: Environment): Promise<number> {
  await main(environment);
  return 0;
}
