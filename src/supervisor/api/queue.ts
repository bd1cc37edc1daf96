/** The update queue over HTTP (specification 7.3): a draft is saved, shown with its effect, and applied. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { Preview, QueueFile, QueueRequest, QueueStatus } from "../../contract/queue.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { Queue } from "../queue.ts";

export interface QueueDeps {
  queue: Queue;
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

const Nothing = z.object({ exists: z.literal(false) });
const Saved = z.looseObject({ operations: z.array(z.looseObject({ type: z.string() })) });
const CURRENT = answers("The saved queue, without secrets", z.union([Saved, Nothing]));
const STATUS = answers("Whether a queue is saved, and what became of the one before", QueueStatus);
const SAVE = answers("Save a queue; an empty one is none", z.object({ saved: z.literal(true) }));
const DELETE = answers("Remove the saved queue", z.object({ deleted: z.literal(true) }));
const PREVIEW = answers("What operations, or the saved queue, would do", Preview);
const APPLY = answers(
  "Apply operations, or the saved queue, without stopping what is not touched",
  z.object({ run_id: z.string() }),
  { status: 202 },
);
const RETRY = answers("Save again what could not be applied", z.object({ saved: z.literal(true) }));
const DISCARD = answers("Forget what could not be applied", z.object({ discarded: z.int() }));

export function queueRoutes({ queue, audit, callerOf }: QueueDeps) {
  const change = <Done>(
    context: Context,
    action: `queue.${string}`,
    work: () => Promise<Done>,
  ): Promise<Done> => audited(audit, { ...callerOf(context.req), action, target: null }, work);
  return new Hono()
    .get("/current", CURRENT, async (context) =>
      context.json((await queue.current()) ?? { exists: false as const }),
    )
    .get("/status", STATUS, async (context) => context.json(await queue.status()))
    .post("/save", SAVE, valid("json", QueueFile), async (context) => {
      await change(context, "queue.save", () => queue.save(context.req.valid("json")));
      return context.json({ saved: true as const });
    })
    .delete("/current", DELETE, async (context) => {
      await change(context, "queue.delete", () => queue.remove());
      return context.json({ deleted: true as const });
    })
    .post("/preview", PREVIEW, valid("json", QueueRequest), async (context) =>
      context.json(
        await queue.preview(context.req.valid("json").operations, context.req.raw.signal),
      ),
    )
    .post("/apply", APPLY, valid("json", QueueRequest), async (context) => {
      const { operations } = context.req.valid("json");
      const run_id = await queue.apply(operations, callerOf(context.req));
      return context.json({ run_id }, 202);
    })
    .post("/failed/retry", RETRY, async (context) => {
      await change(context, "queue.retry", () => queue.retryFailed());
      return context.json({ saved: true as const });
    })
    .post("/failed/discard", DISCARD, async (context) => {
      const operations = await change(context, "queue.discard", () => queue.discardFailed());
      return context.json({ discarded: operations.length });
    });
}
