/** `.luna/api_keys.json`, and API keys on the control API: who may use what; a key itself is told once and kept nowhere. */
import { z } from "zod";
import { RateLimit } from "./config.ts";
import { ThingName } from "./names.ts";

/** Entries of one list of a scope. */
const SCOPE_ENTRIES_MAX = 200;
const GRACE_S_MAX = 30 * 86_400;
const GRACE_S_DEFAULT = 86_400;

/** SHA-256 in hex. */
const KeyHash = z.string().regex(/^[0-9a-f]{64}$/);

const ModelName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, "must be the name of a model of the agent API");

const ToolPattern = z
  .string()
  .regex(
    /^[A-Za-z0-9_*-]{1,64}$/,
    "must be a tool's name of A-Z, a-z, 0-9, _ and -, in which * stands for anything",
  );

function allOr<Name extends z.ZodType>(name: Name) {
  return z.union([z.literal("all"), z.array(name).max(SCOPE_ENTRIES_MAX)], {
    error: (issue) =>
      issue.code === "invalid_union" ? 'must be "all" or a list of names' : undefined,
  });
}

const SCOPES = {
  /** Models of the agent API. */
  agents: allOr(ModelName),
  /** Named MCP servers: by name on the wire; in the file by what stays when they are renamed. */
  mcp_servers: allOr(ThingName),
  /** Tools, wherever they are called. */
  tools: allOr(ToolPattern),
  /** Only tools that declare `readOnlyHint: true`; one that declares nothing is not read-only. */
  read_only: z.boolean(),
};

export const KeyScopes = z.looseObject(SCOPES);
export type KeyScopes = z.infer<typeof KeyScopes>;

/** A secret that is known by its hash, and for a while after its rotation the one before. */
const KnownKey = {
  key_hash: KeyHash,
  /** The key's last four characters, to tell keys apart. */
  key_hint: z.string(),
  created_at: z.iso.datetime(),
  /** When the present secret was made, if it is not the first. */
  rotated_at: z.iso.datetime().nullable().default(null),
  last_used_at: z.iso.datetime().nullable().default(null),
  previous_hash: KeyHash.nullable().default(null),
  previous_expires_at: z.iso.datetime().nullable().default(null),
};

export const AgentKeyEntry = z.looseObject(KnownKey);
export type AgentKeyEntry = z.infer<typeof AgentKeyEntry>;

export const ApiKeyId = z.string().regex(/^[0-9a-f]{16}$/);

/** What people call a key: it stands in lists and in the audit log. */
const ApiKeyName = z
  .string()
  .trim()
  .regex(/^[^\p{C}]{1,64}$/u, "must be 1 to 64 characters on one line");

export const ApiKeyEntry = z.looseObject({
  ...KnownKey,
  id: ApiKeyId,
  name: ApiKeyName,
  scopes: KeyScopes,
  /** After it the key opens nothing; null for a key that lasts. */
  expires_at: z.iso.datetime().nullable().default(null),
  /** Null for the limit that the configuration has for all. */
  rate_limit: RateLimit.nullable().default(null),
});
export type ApiKeyEntry = z.infer<typeof ApiKeyEntry>;

export const ApiKeysFile = z.looseObject({
  version: z.literal(1).default(1),
  /** What is known of `AGENT_API_KEY`, which itself is in `.env` alone. */
  agent_key: AgentKeyEntry.nullable().default(null),
  /** By id. */
  keys: z.record(ApiKeyId, ApiKeyEntry).default({}),
});
export type ApiKeysFile = z.infer<typeof ApiKeysFile>;

/** `GET /api-keys`: one key without anything that could be tried against it. */
export const ApiKeyView = z.object({
  id: ApiKeyId,
  name: z.string(),
  key_hint: z.string(),
  scopes: KeyScopes,
  created_at: z.iso.datetime(),
  rotated_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime().nullable(),
  is_expired: z.boolean(),
  /** Until when the secret from before the last rotation works too; null when it does not. */
  previous_expires_at: z.iso.datetime().nullable(),
  rate_limit: RateLimit.nullable(),
});
export type ApiKeyView = z.infer<typeof ApiKeyView>;

export const AgentKeyView = ApiKeyView.pick({
  key_hint: true,
  created_at: true,
  rotated_at: true,
  last_used_at: true,
  previous_expires_at: true,
});
export type AgentKeyView = z.infer<typeof AgentKeyView>;

export const ApiKeyList = z.object({
  keys: z.array(ApiKeyView),
  /** Null while `.env` has none. */
  agent_key: AgentKeyView.nullable(),
});
export type ApiKeyList = z.infer<typeof ApiKeyList>;

/** The only time that a key is told. */
export const NewApiKey = z.object({ key: ApiKeyView, api_key: z.string() });
export type NewApiKey = z.infer<typeof NewApiKey>;

const ScopesRequest = z
  .strictObject({
    ...SCOPES,
    agents: SCOPES.agents.default([]),
    mcp_servers: SCOPES.mcp_servers.default([]),
    tools: SCOPES.tools.default("all"),
    read_only: SCOPES.read_only.default(false),
  })
  .refine(({ agents, mcp_servers }) => agents.length > 0 || mcp_servers.length > 0, {
    error: "must open something: name agents, MCP servers, or both",
  });

const ExpiresAt = ApiKeyEntry.shape.expires_at.unwrap();
const OwnRateLimit = ApiKeyEntry.shape.rate_limit.unwrap();

/** `POST /api-keys`. */
export const CreateApiKey = z.strictObject({
  name: ApiKeyName,
  scopes: ScopesRequest,
  expires_at: ExpiresAt.default(null),
  rate_limit: OwnRateLimit.default(null),
});
export type CreateApiKey = z.infer<typeof CreateApiKey>;

/** `PATCH /api-keys/:id`: what is absent stays as it is. */
export const ChangeApiKey = z.strictObject({
  name: ApiKeyName.optional(),
  scopes: ScopesRequest.optional(),
  expires_at: ExpiresAt.optional(),
  rate_limit: OwnRateLimit.optional(),
});
export type ChangeApiKey = z.infer<typeof ChangeApiKey>;

const Grace = z.int().min(0).max(GRACE_S_MAX);

/** `POST /api-keys/:id/rotate`: the old secret works for so long besides the new one. */
export const RotateApiKey = z.strictObject({ grace_s: Grace.default(GRACE_S_DEFAULT) });

/** `POST /agents/regenerate-key`: without a grace the old key stops at once. */
export const RegenerateAgentKey = z.strictObject({ grace_s: Grace.default(0) });
export const RegeneratedAgentKey = z.object({ message: z.string(), api_key: z.string() });

/** `POST /api-key-uses`, of the processes that keys are shown to: when each was used last. */
export const KeyUses = z.strictObject({ uses: z.record(z.string().max(64), z.iso.datetime()) });
export type KeyUses = z.infer<typeof KeyUses>;
