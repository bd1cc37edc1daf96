/** API keys over HTTP: named ones, and `AGENT_API_KEY`. What happens to one is told in the audit log. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { ApiKeys } from "../../api-keys/api-keys.ts";
import { audited } from "../../audit/audited.ts";
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

interface Change<Done> {
  action: "key.create" | "key.change" | "key.rotate" | "key.revoke" | "secret.reveal";
  /** The key's name, or its id while nothing more is known. */
  target: string;
  details?: Record<string, unknown>;
  learnt?(done: Done): { target?: string; details?: Record<string, unknown> };
}

function teller({ audit, callerOf }: ApiKeysDeps) {
  return <Done>(context: Context, what: Change<Done>, act: () => Promise<Done>): Promise<Done> =>
    audited(audit, { ...callerOf(context.req), ...what }, act);
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
      const request = context.req.valid("json");
      const what: Change<NewApiKey> = {
        ...{ action: "key.create", target: request.name },
        learnt: ({ key: { id, scopes, expires_at } }) => ({ details: { id, scopes, expires_at } }),
      };
      return context.json(await tell(context, what, () => apiKeys.create(request)));
    })
    .patch("/:id", CHANGE, valid("param", Target), valid("json", ChangeApiKey), async (context) => {
      const { id } = context.req.valid("param");
      const request = context.req.valid("json");
      const what: Change<ApiKeyView> = {
        ...{ action: "key.change", target: id, details: { id, ...request } },
        learnt: ({ name }) => ({ target: name }),
      };
      return context.json(await tell(context, what, () => apiKeys.change(id, request)));
    })
    .post(
      "/:id/rotate",
      ROTATE,
      valid("param", Target),
      valid("json", RotateApiKey),
      async (context) => {
        const { id } = context.req.valid("param");
        const { grace_s } = context.req.valid("json");
        const what: Change<NewApiKey> = {
          ...{ action: "key.rotate", target: id, details: { id, grace_s } },
          learnt: ({ key }) => ({ target: key.name }),
        };
        return context.json(await tell(context, what, () => apiKeys.rotate(id, grace_s)));
      },
    )
    .delete("/:id", REVOKE, valid("param", Target), async (context) => {
      const { id } = context.req.valid("param");
      const what: Change<ApiKeyView> = {
        ...{ action: "key.revoke", target: id, details: { id } },
        learnt: ({ name }) => ({ target: name }),
      };
      await tell(context, what, () => apiKeys.revoke(id));
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
      const what = { action: "secret.reveal", target } as const;
      const api_key = await tell(context, what, () => agentKey.current());
      return context.json({ api_key });
    })
    .post("/regenerate-key", REGENERATE, valid("json", RegenerateAgentKey), async (context) => {
      const { grace_s } = context.req.valid("json");
      const what = { action: "key.rotate", target, details: { grace_s } } as const;
      const api_key = await tell(context, what, () => agentKey.regenerate(grace_s));
      return context.json({ message: "API key regenerated", api_key });
    });
}
