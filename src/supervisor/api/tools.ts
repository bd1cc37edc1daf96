/** The tools there are, and running one by hand. */
import { Hono } from "hono";
import { z } from "zod";
import type { CallerOf } from "../../audit/caller.ts";
import type { Caller } from "../../contract/audit.ts";
import { ExecuteAnswer, type ToolResult, ToolView } from "../../contract/tool.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";

export interface ToolsDeps {
  callerOf: CallerOf;
  catalogue: { read(): Promise<{ tools: readonly ToolView[]; problems: readonly string[] }> };
  toolClient: {
    call(call: {
      tool: string;
      arguments: Record<string, unknown>;
      caller: Caller;
      signal?: AbortSignal;
    }): Promise<ToolResult>;
  };
}

const Arguments = z.record(z.string(), z.unknown());

const ALL = answers(
  "All tools, and what could not be loaded",
  z.object({ tools: z.array(ToolView), problems: z.array(z.string()) }),
);
const EXECUTE = answers("Run a tool; the body is its arguments", ExecuteAnswer);

export function toolsRoutes(deps: ToolsDeps) {
  return new Hono()
    .get("/all", ALL, async (context) => {
      const { tools, problems } = await deps.catalogue.read();
      return context.json({ tools: [...tools], problems: [...problems] });
    })
    .post("/execute/:tool", EXECUTE, valid("json", Arguments), async (context) => {
      const began = performance.now();
      const { success, payload } = await deps.toolClient.call({
        tool: context.req.param("tool"),
        arguments: context.req.valid("json"),
        caller: deps.callerOf(context.req),
        signal: context.req.raw.signal,
      });
      const duration_ms = Math.round((performance.now() - began) * 10) / 10;
      return context.json({ success, result: payload, duration_ms });
    });
}
