/** Named MCP servers over HTTP. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import {
  ChangedMcpServer,
  ChangeMcpServer,
  McpServerDeleted,
  McpServerKey,
  McpServerList,
  McpServerTools,
  RegenerateServerKey,
} from "../../contract/mcp-servers.ts";
import { ThingName } from "../../contract/names.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { McpServers } from "../mcp-servers.ts";

export interface McpServersDeps {
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
  mcpServers: McpServers;
}

/** What the audit log says of a change: which tools, but not thousands of them. */
const NAMES_TOLD_MAX = 50;

const Create = z.strictObject({ name: ThingName });
const Named = z.object({ name: ThingName });

const LIST = answers("Named MCP servers", McpServerList);
const CREATE = answers("Create a named MCP server; its key is shown this once", McpServerKey);
const CHANGE = answers(
  "Rename a named MCP server, switch it on or off, choose its tools; its key stays good",
  ChangedMcpServer,
);
const TOOLS = answers("The tools there are, and which a server offers", McpServerTools);
const REGENERATE = answers(
  "Give a server a new key; the old one ends, if wanted later",
  McpServerKey,
);
const DELETE = answers("Delete a named MCP server", McpServerDeleted);

function toldOf({ name, enabled, ...choices }: ChangeMcpServer): Record<string, unknown> {
  const names = Object.entries(choices).flatMap(([kind, chosen]) =>
    chosen === undefined ? [] : [[kind, Object.keys(chosen).slice(0, NAMES_TOLD_MAX)]],
  );
  return {
    ...(name === undefined ? {} : { name }),
    ...(enabled === undefined ? {} : { enabled }),
    ...Object.fromEntries(names),
  };
}

export function mcpServersRoutes({ mcpServers, audit, callerOf }: McpServersDeps) {
  interface What {
    action: `mcp_server.${string}`;
    target: string;
    details?: Record<string, unknown>;
  }
  const change = <Done>(context: Context, what: What, act: () => Promise<Done>): Promise<Done> =>
    audited(audit, { ...callerOf(context.req), ...what }, act);
  return new Hono()
    .get("/list", LIST, async (context) => context.json({ servers: await mcpServers.list() }))
    .post("/create", CREATE, valid("json", Create), async (context) => {
      const { name } = context.req.valid("json");
      const what = { action: "mcp_server.create", target: name } as const;
      return context.json(await change(context, what, () => mcpServers.create(name)));
    })
    .get("/:name/tools", TOOLS, valid("param", Named), async (context) =>
      context.json({ tools: await mcpServers.tools(context.req.valid("param").name) }),
    )
    .patch(
      "/:name",
      CHANGE,
      valid("param", Named),
      valid("json", ChangeMcpServer),
      async (context) => {
        const { name: target } = context.req.valid("param");
        const wanted = context.req.valid("json");
        const what = { action: "mcp_server.change", target, details: toldOf(wanted) } as const;
        const server = await change(context, what, () => mcpServers.change(target, wanted));
        return context.json({ updated: true as const, server });
      },
    )
    .post(
      "/:name/regenerate-key",
      REGENERATE,
      valid("param", Named),
      valid("json", RegenerateServerKey),
      async (context) => {
        const { name: target } = context.req.valid("param");
        const { grace_s } = context.req.valid("json");
        const details = { grace_s };
        const what = { action: "mcp_server.regenerate_key", target, details } as const;
        const regenerate = () => mcpServers.regenerateKey(target, grace_s);
        return context.json(await change(context, what, regenerate));
      },
    )
    .delete("/:name", DELETE, valid("param", Named), async (context) => {
      const { name: target } = context.req.valid("param");
      const what = { action: "mcp_server.delete", target } as const;
      await change(context, what, () => mcpServers.delete(target));
      return context.json({ deleted: true as const });
    });
}
