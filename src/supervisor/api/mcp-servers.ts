/** Named MCP servers over HTTP. */
import { Hono } from "hono";
import { z } from "zod";
import { ThingName } from "../../contract/names.ts";
import { valid } from "../../lib/valid.ts";
import type { McpServers } from "../mcp-servers.ts";

export interface McpServersDeps {
  mcpServers: McpServers;
}

const Create = z.strictObject({ name: ThingName });
const Named = z.object({ name: ThingName });

export function mcpServersRoutes({ mcpServers }: McpServersDeps) {
  return new Hono()
    .get("/list", async (context) => context.json({ servers: await mcpServers.list() }))
    .post("/create", valid("json", Create), async (context) =>
      context.json(await mcpServers.create(context.req.valid("json").name)),
    )
    .post("/:name/regenerate-key", valid("param", Named), async (context) =>
      context.json(await mcpServers.regenerateKey(context.req.valid("param").name)),
    )
    .delete("/:name", valid("param", Named), async (context) => {
      await mcpServers.delete(context.req.valid("param").name);
      return context.json({ deleted: true as const });
    });
}
