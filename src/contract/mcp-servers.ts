/** Named MCP servers as the control API tells of them, and takes changes to them. */
import { z } from "zod";
import { ThingName } from "./names.ts";

/** More than anybody has tools. */
const CHOICES_MAX = 10_000;
const TOOL_NAME_LENGTH_MAX = 128;
const GRACE_S_MAX = 30 * 86_400;

/** `GET /mcp-servers/list`: one server, without anything secret. */
export const McpServerView = z.object({
  name: z.string(),
  enabled: z.boolean(),
  /** The public address that clients connect to. */
  url: z.string(),
  key_hint: z.string(),
  tool_count: z.int(),
  created_at: z.iso.datetime(),
});
export type McpServerView = z.infer<typeof McpServerView>;
export const McpServerList = z.object({ servers: z.array(McpServerView) });

/** `POST /mcp-servers/create` and `/mcp-servers/:name/regenerate-key`: the only time the key is shown. */
export const McpServerKey = z.object({ server: McpServerView, api_key: z.string() });
export type McpServerKey = z.infer<typeof McpServerKey>;

export const ToolChoices = z
  .record(
    z.string().min(1).max(TOOL_NAME_LENGTH_MAX),
    z.strictObject({ enabled_in_mcp: z.boolean() }),
  )
  .refine((choices) => Object.keys(choices).length <= CHOICES_MAX, {
    message: `at most ${CHOICES_MAX}`,
  });
export type ToolChoices = z.infer<typeof ToolChoices>;

/** `PATCH /mcp-servers/:name`: what is absent stays as it is. */
export const ChangeMcpServer = z.strictObject({
  name: ThingName.optional(),
  enabled: z.boolean().optional(),
  /** In place of all that was chosen. */
  tool_config: ToolChoices.optional(),
  /** Single tools. */
  tool_updates: ToolChoices.optional(),
  /** All tools that an extension has now. */
  extension_updates: ToolChoices.optional(),
});
export type ChangeMcpServer = z.infer<typeof ChangeMcpServer>;
export const ChangedMcpServer = z.object({ updated: z.literal(true), server: McpServerView });

/** `POST /mcp-servers/:name/regenerate-key`: without a grace the old key stops at once. */
export const RegenerateServerKey = z.strictObject({
  grace_s: z.int().min(0).max(GRACE_S_MAX).default(0),
});

/** `GET /mcp-servers/:name/tools`: every tool there is, by name. */
export const McpServerTool = z.object({
  name: z.string(),
  enabled_in_mcp: z.boolean(),
  /** Whose it is, such as `ext:notes`. */
  source: z.string(),
  description: z.string(),
});
export type McpServerTool = z.infer<typeof McpServerTool>;
export const McpServerTools = z.object({ tools: z.array(McpServerTool) });

export const McpServerDeleted = z.object({ deleted: z.literal(true) });
