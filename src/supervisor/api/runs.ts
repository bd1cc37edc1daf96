/** Runs over HTTP: what was changed when, and how far the one under way is; every viewer reads the same journal. */
import { Hono } from "hono";
import { z } from "zod";
import { RunEvents, RunView } from "../../contract/run.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { Runs } from "../../updates/runs.ts";

export interface RunsDeps {
  runs: Pick<Runs, "list" | "view" | "events">;
}

const One = z.object({ id: z.uuid() });
const After = z.strictObject({ after: z.coerce.number().int().nonnegative().default(0) });

const LIST = answers("The latest runs, the newest first", z.object({ runs: z.array(RunView) }));
const VIEW = answers("One run, as far as it is", RunView);
const EVENTS = answers("What happened in a run after a cursor", RunEvents);

export function runsRoutes({ runs }: RunsDeps) {
  return new Hono()
    .get("/", LIST, async (context) => context.json({ runs: await runs.list() }))
    .get("/:id", VIEW, valid("param", One), async (context) =>
      context.json(await runs.view(context.req.valid("param").id)),
    )
    .get("/:id/events", EVENTS, valid("param", One), valid("query", After), async (context) => {
      const { id } = context.req.valid("param");
      return context.json(await runs.events(id, context.req.valid("query").after));
    });
}
