/** Takes down when keys were used, of the processes that keys are shown to; their token opens nothing of the control API. */
import { Hono } from "hono";
import { z } from "zod";
import type { KeyUseTimes } from "../../api-keys/key-use-times.ts";
import type { Credentials } from "../../config/credentials.ts";
import { KeyUses } from "../../contract/api-keys.ts";
import { requireBearer } from "../../lib/app.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";

export interface ApiKeyUsesDeps {
  credentials: Credentials;
  useTimes: KeyUseTimes;
}

const NOTE = answers(
  "Tell when keys were used last, for Luna's own processes",
  z.object({ noted: z.literal(true) }),
);

export function apiKeyUsesRoutes({ credentials, useTimes }: ApiKeyUsesDeps) {
  return new Hono()
    .use(requireBearer(credentials.toolHostToken, "the record of keys' use"))
    .post("/", NOTE, valid("json", KeyUses), async (context) => {
      await useTimes.note(context.req.valid("json").uses);
      return context.json({ noted: true as const });
    });
}
