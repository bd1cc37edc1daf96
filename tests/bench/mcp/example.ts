/** What Luna is compared with: the SDK's own examples of a server with one tool, on both wires, without any login. */
import {
  createMcpHandler,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { z } from "zod";

export const MODERN_PATH = "/mcp";
export const SESSION_PATH = "/session";

function makeServer(): McpServer {
  const server = new McpServer({ name: "example", version: "1.0.0" });
  server.registerTool(
    "greet",
    { description: "Greets somebody", inputSchema: z.object({ name: z.string() }) },
    ({ name }) => ({ content: [{ type: "text", text: `Hello, ${name}!` }] }),
  );
  return server;
}

const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function answerSession(request: Request): Promise<Response> {
  const known = sessions.get(request.headers.get("Mcp-Session-Id") ?? "");
  if (known !== undefined) return known.handleRequest(request);
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  await makeServer().connect(transport);
  return transport.handleRequest(request);
}

export function serveExample(): string {
  const handler = createMcpHandler(makeServer);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch: (request) =>
      new URL(request.url).pathname === SESSION_PATH
        ? answerSession(request)
        : handler.fetch(request),
  });
  return `http://127.0.0.1:${server.port}`;
}
