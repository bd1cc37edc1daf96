/** What runs, and starting, stopping and restarting one of it by its name in state.json. */
import { Hono } from "hono";
import { z } from "zod";
import { StateFile } from "../../contract/process.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { answers } from "../../lib/route-facts.ts";
import type { ManagedProcess } from "../process/managed-process.ts";
import type { ProcessTable } from "../process/process-table.ts";

export interface ServicesDeps {
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

export function servicesRoutes({ processes }: ServicesDeps) {
  return new Hono()
    .get("/status", answers("What state.json holds", StateFile), (context) =>
      context.json(processes.state()),
    )
    .post("/:name/start", START, (context) => {
      const managed = processes.require(context.req.param("name"));
      refuseToolHost(managed, "start");
      processes.startByHand(managed);
      return context.json({ starting: true as const });
    })
    .post("/:name/stop", STOP, async (context) => {
      const managed = processes.require(context.req.param("name"));
      // A tool host has to start with the next call, whoever ended it.
      if (managed.spec.kind === "tool-host") await managed.stop();
      else await processes.stopByHand(managed);
      return context.json({ stopped: true as const });
    })
    .post("/:name/restart", RESTART, (context) => {
      const managed = processes.require(context.req.param("name"));
      refuseToolHost(managed, "restart");
      processes.restartByHand(managed);
      return context.json({ restarting: true as const });
    });
}
