/** The HTTP app of a tool host. It is on a private socket, not a port: no Host to check, no token to ask for. */
import { Hono } from "hono";
import { ToolCall } from "../../contract/tool.ts";
import { onError, onNotFound } from "../../lib/app.ts";
import type { Logger } from "../../lib/log.ts";
import { valid } from "../../lib/valid.ts";
import type { CallRunner } from "./call-runner.ts";

interface ToolHostDependencies {
  runner: CallRunner;
  log: Logger;
}

export function toolHostApp({ runner, log }: ToolHostDependencies) {
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .post("/call", valid("json", ToolCall), async (context) => {
      const result = await runner.run(context.req.valid("json"), context.req.raw.signal);
      return context.body(result, 200, { "Content-Type": "application/json" });
    });
}
