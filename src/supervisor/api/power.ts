/** Restart and shutdown of all of Luna (specification 10: system controls). */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { answers } from "../../lib/route-facts.ts";
import type { Power } from "../power.ts";

export interface PowerDeps {
  power: Power;
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

const RESTART = answers(
  "Apply the saved queue, and start all of Luna again",
  z.object({
    status: z.literal("restarting"),
    message: z.string(),
    /** The run of the queue, when one was saved. */
    run_id: z.string().nullable(),
  }),
);
const SHUTDOWN = answers(
  "Stop all of Luna until somebody starts it",
  z.object({ status: z.literal("shutting_down"), message: z.string() }),
);

export function powerRoutes({ power, audit, callerOf }: PowerDeps) {
  const done = <Done>(context: Context, action: string, work: () => Promise<Done>) =>
    audited(audit, { ...callerOf(context.req), action, target: null }, work);
  return new Hono()
    .post("/restart", RESTART, async (context) => {
      const restart = () => power.restart(callerOf(context.req));
      const run_id = await done(context, "system.restart", restart);
      return context.json({
        status: "restarting" as const,
        message: "System restart and update initiated",
        run_id,
      });
    })
    .post("/shutdown", SHUTDOWN, async (context) => {
      await done(context, "system.shutdown", () => power.shutdown());
      return context.json({
        status: "shutting_down" as const,
        message: "Luna system shutdown initiated",
      });
    });
}
