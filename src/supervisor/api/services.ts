/** What runs, and starting, stopping and restarting one of it by its name in state.json. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { StateFile } from "../../contract/process.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { answers } from "../../lib/route-facts.ts";
import type { ManagedProcess } from "../process/managed-process.ts";
import type { ProcessTable } from "../process/process-table.ts";

export interface ServicesDeps {
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
  processes: ProcessTable;
}

function refuseToolHost({ spec }: ManagedProcess, what: "start" | "restart"): void {
  if (spec.kind !== "tool-host") return;
  throw new InvalidInputError(
    `Cannot ${what} "${spec.name}": it starts with its next call and ends by itself`,
  );
}

const START = answers("Start a process", z.object({ starting: z.literal(true) }));
const STOP = answers("Stop a process", z.object({ stopped: z.literal(true) }));
const RESTART = answers("Restart a process", z.object({ restarting: z.literal(true) }));

export function servicesRoutes({ processes, audit, callerOf }: ServicesDeps) {
  const byHand = <Done>(
    context: Context,
    what: "start" | "stop" | "restart",
    act: (managed: ManagedProcess) => Done | Promise<Done>,
  ): Promise<Done> => {
    const target = context.req.param("name") ?? "";
    return audited(audit, { ...callerOf(context.req), action: `process.${what}`, target }, () =>
      act(processes.require(target)),
    );
  };
  return new Hono()
    .get("/status", answers("What state.json holds", StateFile), (context) =>
      context.json(processes.state()),
    )
    .post("/:name/start", START, async (context) => {
      await byHand(context, "start", (managed) => {
        refuseToolHost(managed, "start");
        processes.startByHand(managed);
      });
      return context.json({ starting: true as const });
    })
    .post("/:name/stop", STOP, async (context) => {
      await byHand(context, "stop", async (managed) => {
        // A tool host has to start with the next call, whoever ended it.
        if (managed.spec.kind === "tool-host") await managed.stop();
        else await processes.stopByHand(managed);
      });
      return context.json({ stopped: true as const });
    })
    .post("/:name/restart", RESTART, async (context) => {
      await byHand(context, "restart", (managed) => {
        refuseToolHost(managed, "restart");
        processes.restartByHand(managed);
      });
      return context.json({ restarting: true as const });
    });
}
