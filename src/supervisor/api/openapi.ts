/** The control API as an OpenAPI document. */
import { VERSION } from "../../config/version.ts";
import { ApiKeyView, KeyScopes } from "../../contract/api-keys.ts";
import { SESSION_COOKIE } from "../../contract/auth.ts";
import { ErrorBody } from "../../contract/error.ts";
import { LogLine, LogPage } from "../../contract/logs.ts";
import { McpServerView } from "../../contract/mcp-servers.ts";
import { Overview, Problem, ProcessView, StateFile } from "../../contract/process.ts";
import { SecretUser, SecretView } from "../../contract/secrets.ts";
import { ExecuteAnswer, ToolView } from "../../contract/tool.ts";
import { openApiDocument, type Routes } from "../../lib/openapi.ts";

/** @param port the control API's own, on loopback */
export function controlApiDocument(routes: Routes, port: number): Record<string, unknown> {
  return openApiDocument({
    routes,
    info: {
      title: "Luna control API",
      version: VERSION,
      description:
        "Starts, stops and watches what Luna runs; its tools, MCP servers, keys and logs.",
    },
    servers: [
      { url: "/api/supervisor", description: "For a browser that is signed in" },
      { url: `http://127.0.0.1:${port}`, description: "On this machine, with a token" },
    ],
    schemas: {
      ...{ ApiKeyView, KeyScopes, ErrorBody, ExecuteAnswer, LogLine, LogPage, McpServerView },
      ...{ Overview, Problem, ProcessView, SecretUser, SecretView, StateFile, ToolView },
    },
    error: ErrorBody,
    guards: {
      "the control API": ["session", "token"],
      "tool hosts": ["tool_host_token"],
      "the record of keys' use": ["tool_host_token"],
    },
    securitySchemes: {
      session: { type: "apiKey", in: "cookie", name: SESSION_COOKIE },
      token: { type: "http", scheme: "bearer", description: "SUPERVISOR_API_TOKEN of Luna's .env" },
      tool_host_token: {
        type: "http",
        scheme: "bearer",
        description: "What only Luna's own processes are given",
      },
    },
  });
}
