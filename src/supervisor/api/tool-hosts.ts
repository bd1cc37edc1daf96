/** Tool hosts on demand, for the processes that call tools; their token opens nothing else. */
import { Hono } from "hono";
import { z } from "zod";
import type { Credentials } from "../../config/credentials.ts";
import { ThingName } from "../../contract/names.ts";
import { requireBearer } from "../../lib/app.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { ToolHosts } from "../tool-hosts.ts";

export interface ToolHostsDeps {
  credentials: Credentials;
  toolHosts: ToolHosts;
}

const Target = z.object({ extension: ThingName });
const Stop = z.strictObject({ pid: z.int().positive(), reason: z.string().max(500) });

const START = answers(
  "Start an extension's tool host, for Luna's own processes",
  z.object({ pid: z.int().positive() }),
);
const STOP = answers(
  "End one run of an extension's tool host, for Luna's own processes",
  z.object({ stopped: z.boolean() }),
);

export function toolHostsRoutes({ credentials, toolHosts }: ToolHostsDeps) {
  return new Hono()
    .use(requireBearer(credentials.toolHostToken, "tool hosts"))
    .post("/:extension/start", START, valid("param", Target), async (context) =>
      context.json(await toolHosts.start(context.req.valid("param").extension)),
    )
    .post(
      "/:extension/stop",
      STOP,
      valid("param", Target),
      valid("json", Stop),
      async (context) => {
        const { pid, reason } = context.req.valid("json");
        const { extension } = context.req.valid("param");
        return context.json(await toolHosts.stop(extension, pid, reason));
      },
    );
}
