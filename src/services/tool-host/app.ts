/** The HTTP app of a tool host. It is on a private socket, not a port: no Host to check, no token to ask for. */
import { Hono } from "hono";
import {
  HOST_EVENTS_TYPE,
  HostAnswer,
  HostCall,
  HostCancel,
  HostCompletion,
} from "../../contract/tool-call.ts";
import { onError, onNotFound } from "../../lib/app.ts";
import type { Logger } from "../../lib/log.ts";
import { valid } from "../../lib/valid.ts";
import type { CallRunner } from "./call-runner.ts";
import type { LegAnswer } from "./leg.ts";

interface ToolHostDependencies {
  runner: CallRunner;
  log: Logger;
}

function answered(answer: LegAnswer): Response {
  const type = typeof answer === "string" ? "application/json" : HOST_EVENTS_TYPE;
  return new Response(answer, { headers: { "Content-Type": type } });
}

export function toolHostApp({ runner, log }: ToolHostDependencies) {
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .post("/call", valid("json", HostCall), async (context) =>
      answered(await runner.run(context.req.valid("json"), context.req.raw.signal)),
    )
    .post("/answer", valid("json", HostAnswer), async (context) =>
      answered(await runner.answer(context.req.valid("json"), context.req.raw.signal)),
    )
    .post("/cancel", valid("json", HostCancel), (context) => {
      runner.cancel(context.req.valid("json").call);
      return context.json({});
    })
    .post("/complete", valid("json", HostCompletion), async (context) =>
      context.json(await runner.complete(context.req.valid("json"))),
    );
}
