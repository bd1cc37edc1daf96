/** Other MCP servers, made with the official SDKs, for Luna to be a client of: remote ones of either wire. */

import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  ElicitResultSchema,
  type ServerRequest,
  UrlElicitationRequiredError,
} from "@modelcontextprotocol/sdk/types.js";
import { createMcpHandler, McpServer as NewServer } from "@modelcontextprotocol/server";
import { z } from "zod";

/** What the schema of a tool has that nobody but its author needs: it has to pass through. */
export const SCHEMA = {
  type: "object",
  properties: { text: { type: "string", pattern: "^[a-z]+$", "x-unit": "words" } },
  required: ["text"],
  additionalProperties: false,
};

/** Where people are sent to. */
export const PAGE = "https://tracker.example/sign-in";

export interface RemoteServer {
  url: string;
  /** What came in Authorization, last. */
  authorization(): string | null;
  /** Requests so far. */
  count(): number;
  stop(): Promise<void>;
}

function serve(fetch: (request: Request) => Promise<Response>, port = 0): RemoteServer {
  let authorization: string | null = null;
  let count = 0;
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port, idleTimeout: 0, development: false },
    fetch: (request) => {
      authorization = request.headers.get("Authorization");
      count += 1;
      return fetch(request);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/mcp`,
    authorization: () => authorization,
    count: () => count,
    stop: () => server.stop(true),
  };
}

/** Of 2026-07-28, with the v2 SDK; `extra` is a tool that it has, too. */
export function serveNew({ port, extra }: { port?: number; extra?: string } = {}): RemoteServer {
  const make = (): NewServer => {
    const server = new NewServer({ name: "new", version: "1" });
    const shape = z.object({ text: z.string() });
    server.registerTool(
      "echo.back",
      { title: "Echo", description: "Says it again", inputSchema: shape },
      ({ text }) => ({ content: [{ type: "text", text: `again: ${text}` }] }),
    );
    if (extra !== undefined) {
      server.registerTool(extra, { description: "More", inputSchema: shape }, () => ({
        content: [{ type: "text", text: "more" }],
      }));
    }
    return server;
  };
  const handler = createMcpHandler(make);
  return serve((request) => handler.fetch(request), port);
}

function oldServer(): OldServer {
  const server = new OldServer({ name: "old", version: "1" });
  server.registerTool(
    "find-issue",
    {
      description: "Finds an issue",
      inputSchema: { text: z.string() },
      outputSchema: { found: z.number() },
      annotations: { readOnlyHint: true },
    },
    async ({ text }, { sendNotification, _meta }) => {
      const token = _meta?.progressToken;
      if (token !== undefined) {
        const params = { progressToken: token, progress: 1, total: 2, message: "half" };
        await sendNotification({ method: "notifications/progress", params });
      }
      if (text === "fail") return { isError: true, content: [{ type: "text", text: "no such" }] };
      return {
        content: [{ type: "text", text: `issue ${text}` }],
        structuredContent: { found: text.length },
      };
    },
  );
  // In the exchange of the very call, as servers ask that serve many at once.
  server.registerTool(
    "ask-in-call",
    { description: "Asks for a name", inputSchema: {} },
    async (_, { sendRequest }) => {
      const params = {
        message: "Your name?",
        requestedSchema: { type: "object" as const, properties: { name: { type: "string" } } },
      };
      const request = { method: "elicitation/create" as const, params };
      const { content } = await sendRequest(request as ServerRequest, ElicitResultSchema);
      return { content: [{ type: "text", text: `said ${content?.["name"]}` }] };
    },
  );
  server.registerTool("go", { description: "Sends to a page", inputSchema: {} }, async () => {
    const elicitationId = crypto.randomUUID();
    const page = { mode: "url" as const, message: "Sign in", url: `${PAGE}?${elicitationId}` };
    const { action } = await server.server.elicitInput({ ...page, elicitationId });
    return { content: [{ type: "text", text: action }] };
  });
  let isBeen = false;
  server.registerTool("go-first", { description: "Wants a page first", inputSchema: {} }, () => {
    if (!isBeen) {
      isBeen = true;
      const elicitationId = crypto.randomUUID();
      throw new UrlElicitationRequiredError([
        { mode: "url", message: "Sign in", url: PAGE, elicitationId },
      ]);
    }
    return { content: [{ type: "text", text: "been there" }] };
  });
  server.registerTool("ask", { description: "Asks for a name", inputSchema: {} }, async () => {
    const answer = await server.server.elicitInput({
      message: "Your name?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } } },
    });
    const said = answer.action === "accept" ? String(answer.content?.["name"]) : answer.action;
    return { content: [{ type: "text", text: `said ${said}` }] };
  });
  return server;
}

/** Of 2025-11-25, with sessions and the v1 SDK; `grow` gives it another tool, of which its clients are told. */
export function serveOld(port?: number): RemoteServer & { grow(name: string): void } {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const servers: OldServer[] = [];
  const more = new Set<string>();
  const add = (server: OldServer, name: string) =>
    server.registerTool(name, { description: "More", inputSchema: {} }, () => ({
      content: [{ type: "text", text: "more" }],
    }));
  const grow = (name: string): void => {
    more.add(name);
    for (const server of servers) add(server, name);
  };
  const served = serve(async (request) => {
    const known = sessions.get(request.headers.get("Mcp-Session-Id") ?? "");
    if (known !== undefined) return known.handleRequest(request);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const server = oldServer();
    for (const name of more) add(server, name);
    // The SDK's own types do not agree under exactOptionalPropertyTypes.
    await server.connect(transport as Parameters<OldServer["connect"]>[0]);
    servers.push(server);
    return transport.handleRequest(request);
  }, port);
  return { ...served, grow };
}
