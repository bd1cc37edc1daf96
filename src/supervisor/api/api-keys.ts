/** API keys over HTTP: named ones, and `AGENT_API_KEY`. What happens to one is told in the audit log. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { ApiKeys } from "../../api-keys/api-keys.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { AGENT_KEY_NAME } from "../../contract/agent-key.ts";
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
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

interface Told {
  action: "key.create" | "key.change" | "key.rotate" | "key.revoke" | "secret.reveal";
  /** The key's name. */
  target: string;
  details?: Record<string, unknown>;
}

function teller({ audit, callerOf }: ApiKeysDeps) {
  return (context: Context, told: Told): void =>
    audit.record({ ...callerOf(context.req), ...told, outcome: "ok" });
}

const Target = z.object({ id: ApiKeyId });

const LIST = answers("API keys, without anything secret", ApiKeyList);
const CREATE = answers("Create an API key; it is shown this once", NewApiKey);
const CHANGE = answers("Change what a key opens, or until when", ApiKeyView);
const ROTATE = answers("Give a key a new secret; the old one goes on for a while", NewApiKey);
const REVOKE = answers("End a key at once", z.object({ revoked: z.literal(true) }));
const AGENT_KEY = answers("The key of the agent API", z.object({ api_key: z.string() }));
const REGENERATE = answers("Give the agent API a new key, at once", RegeneratedAgentKey);

export function apiKeysRoutes(deps: ApiKeysDeps) {
  const { apiKeys } = deps;
  const tell = teller(deps);
  return new Hono()
    .get("/", LIST, async (context) => context.json(await apiKeys.list()))
    .post("/", CREATE, valid("json", CreateApiKey), async (context) => {
      const made = await apiKeys.create(context.req.valid("json"));
      const { id, name, scopes, expires_at } = made.key;
      tell(context, { action: "key.create", target: name, details: { id, scopes, expires_at } });
      return context.json(made);
    })
    .patch("/:id", CHANGE, valid("param", Target), valid("json", ChangeApiKey), async (context) => {
      const { id } = context.req.valid("param");
      const request = context.req.valid("json");
      const changed = await apiKeys.change(id, request);
      tell(context, { action: "key.change", target: changed.name, details: { id, ...request } });
      return context.json(changed);
    })
    .post(
      "/:id/rotate",
      ROTATE,
      valid("param", Target),
      valid("json", RotateApiKey),
      async (context) => {
        const { id } = context.req.valid("param");
        const { grace_s } = context.req.valid("json");
        const rotated = await apiKeys.rotate(id, grace_s);
        const target = rotated.key.name;
        tell(context, { action: "key.rotate", target, details: { id, grace_s } });
        return context.json(rotated);
      },
    )
    .delete("/:id", REVOKE, valid("param", Target), async (context) => {
      const { id } = context.req.valid("param");
      const { name } = await apiKeys.revoke(id);
      tell(context, { action: "key.revoke", target: name, details: { id } });
      return context.json({ revoked: true as const });
    });
}

/** `/agents/api-key` and `/agents/regenerate-key` (contract 4.10). */
export function agentKeyRoutes(deps: ApiKeysDeps) {
  const { agentKey } = deps;
  const tell = teller(deps);
  const target = AGENT_KEY_NAME;
  return new Hono()
    .get("/api-key", AGENT_KEY, async (context) => {
      const api_key = await agentKey.current();
      tell(context, { action: "secret.reveal", target });
      return context.json({ api_key });
    })
    .post("/regenerate-key", REGENERATE, valid("json", RegenerateAgentKey), async (context) => {
      const { grace_s } = context.req.valid("json");
      const api_key = await agentKey.regenerate(grace_s);
      tell(context, { action: "key.rotate", target, details: { grace_s } });
      return context.json({ message: "API key regenerated", api_key });
    });
}
