/** Named MCP servers over HTTP. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { McpServerKey, McpServerView } from "../../contract/config.ts";
import { ThingName } from "../../contract/names.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { McpServers } from "../mcp-servers.ts";

export interface McpServersDeps {
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
  mcpServers: McpServers;
}

const Create = z.strictObject({ name: ThingName });
const Named = z.object({ name: ThingName });

const LIST = answers("Named MCP servers", z.object({ servers: z.array(McpServerView) }));
const CREATE = answers("Create a named MCP server; its key is shown this once", McpServerKey);
const REGENERATE = answers("Give a server a new key; the old one ends at once", McpServerKey);
const DELETE = answers("Delete a named MCP server", z.object({ deleted: z.literal(true) }));

export function mcpServersRoutes({ mcpServers, audit, callerOf }: McpServersDeps) {
  const change = <Done>(
    context: Context,
    [action, target]: [action: `mcp_server.${string}`, target: string],
    act: () => Promise<Done>,
  ): Promise<Done> => audited(audit, { ...callerOf(context.req), action, target }, act);
  return new Hono()
    .get("/list", LIST, async (context) => context.json({ servers: await mcpServers.list() }))
    .post("/create", CREATE, valid("json", Create), async (context) => {
      const { name } = context.req.valid("json");
      const create = () => mcpServers.create(name);
      return context.json(await change(context, ["mcp_server.create", name], create));
    })
    .post("/:name/regenerate-key", REGENERATE, valid("param", Named), async (context) => {
      const { name } = context.req.valid("param");
      const regenerate = () => mcpServers.regenerateKey(name);
      return context.json(await change(context, ["mcp_server.regenerate_key", name], regenerate));
    })
    .delete("/:name", DELETE, valid("param", Named), async (context) => {
      const { name } = context.req.valid("param");
      await change(context, ["mcp_server.delete", name], () => mcpServers.delete(name));
      return context.json({ deleted: true as const });
    });
}
