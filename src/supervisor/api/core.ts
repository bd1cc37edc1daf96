/** Whether there is a newer Luna (contract 4.10). */
import { Hono } from "hono";
import { CoreUpdates } from "../../contract/core-update.ts";
import type { CoreUpdate } from "../../core-update/core-update.ts";
import { answers } from "../../lib/route-facts.ts";

export interface CoreDeps {
  coreUpdate: Pick<CoreUpdate, "check">;
}

const CHECK = answers(
  "Whether there is a newer Luna, and whether it can be installed",
  CoreUpdates,
);

export function coreRoutes({ coreUpdate }: CoreDeps) {
  return new Hono().post("/check-updates", CHECK, async (context) =>
    context.json(await coreUpdate.check(context.req.raw.signal)),
  );
}
