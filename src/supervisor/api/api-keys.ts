/** API keys over HTTP: named ones, and `AGENT_API_KEY`. */
import { Hono } from "hono";
import { z } from "zod";
import type { ApiKeys } from "../../api-keys/api-keys.ts";
import {
  ApiKeyId,
  ApiKeyList,
  ApiKeyView,
  ChangeApiKey,
  CreateApiKey,
  NewApiKey,
  RegenerateAgentKey,
  RegeneratedAgentKey,
  RotateApiKey,
} from "../../contract/api-keys.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { AgentKey } from "../agent-key.ts";

export interface ApiKeysDeps {
  apiKeys: ApiKeys;
  agentKey: AgentKey;
}

const Target = z.object({ id: ApiKeyId });

const LIST = answers("API keys, without anything secret", ApiKeyList);
const CREATE = answers("Create an API key; it is shown this once", NewApiKey);
const CHANGE = answers("Change what a key opens, or until when", ApiKeyView);
const ROTATE = answers("Give a key a new secret; the old one goes on for a while", NewApiKey);
const REVOKE = answers("End a key at once", z.object({ revoked: z.literal(true) }));
const AGENT_KEY = answers("The key of the agent API", z.object({ api_key: z.string() }));
const REGENERATE = answers("Give the agent API a new key, at once", RegeneratedAgentKey);

export function apiKeysRoutes({ apiKeys }: ApiKeysDeps) {
  return new Hono()
    .get("/", LIST, async (context) => context.json(await apiKeys.list()))
    .post("/", CREATE, valid("json", CreateApiKey), async (context) =>
      context.json(await apiKeys.create(context.req.valid("json"))),
    )
    .patch("/:id", CHANGE, valid("param", Target), valid("json", ChangeApiKey), async (context) => {
      const { id } = context.req.valid("param");
      return context.json(await apiKeys.change(id, context.req.valid("json")));
    })
    .post(
      "/:id/rotate",
      ROTATE,
      valid("param", Target),
      valid("json", RotateApiKey),
      async (context) => {
        const { id } = context.req.valid("param");
        return context.json(await apiKeys.rotate(id, context.req.valid("json").grace_s));
      },
    )
    .delete("/:id", REVOKE, valid("param", Target), async (context) => {
      await apiKeys.revoke(context.req.valid("param").id);
      return context.json({ revoked: true as const });
    });
}

/** `/agents/api-key` and `/agents/regenerate-key` (contract 4.10). */
export function agentKeyRoutes({ agentKey }: ApiKeysDeps) {
  return new Hono()
    .get("/api-key", AGENT_KEY, async (context) =>
      context.json({ api_key: await agentKey.current() }),
    )
    .post("/regenerate-key", REGENERATE, valid("json", RegenerateAgentKey), async (context) => {
      const api_key = await agentKey.regenerate(context.req.valid("json").grace_s);
      return context.json({ message: "API key regenerated", api_key });
    });
}
