/** Named MCP servers over HTTP. */
import { Hono } from "hono";
import { z } from "zod";
import { McpServerKey, McpServerView } from "../../contract/config.ts";
import { ThingName } from "../../contract/names.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { McpServers } from "../mcp-servers.ts";

export interface McpServersDeps {
  mcpServers: McpServers;
}

const Create = z.strictObject({ name: ThingName });
const Named = z.object({ name: ThingName });

const LIST = answers("Named MCP servers", z.object({ servers: z.array(McpServerView) }));
const CREATE = answers("Create a named MCP server; its key is shown this once", McpServerKey);
const REGENERATE = answers("Give a server a new key; the old one ends at once", McpServerKey);
const DELETE = answers("Delete a named MCP server", z.object({ deleted: z.literal(true) }));

export function mcpServersRoutes({ mcpServers }: McpServersDeps) {
  return new Hono()
    .get("/list", LIST, async (context) => context.json({ servers: await mcpServers.list() }))
    .post("/create", CREATE, valid("json", Create), async (context) =>
      context.json(await mcpServers.create(context.req.valid("json").name)),
    )
    .post("/:name/regenerate-key", REGENERATE, valid("param", Named), async (context) =>
      context.json(await mcpServers.regenerateKey(context.req.valid("param").name)),
    )
    .delete("/:name", DELETE, valid("param", Named), async (context) => {
      await mcpServers.delete(context.req.valid("param").name);
      return context.json({ deleted: true as const });
    });
}
