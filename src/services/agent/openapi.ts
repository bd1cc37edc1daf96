/** The agent API as an OpenAPI document. */
import { VERSION } from "../../config/version.ts";
import { SESSION_COOKIE } from "../../contract/auth.ts";
import { ErrorBody } from "../../contract/error.ts";
import { openApiDocument, type Routes } from "../../lib/openapi.ts";
import { Completion } from "./completion.ts";

/** @param port the agent API's own, on loopback */
export function agentApiDocument(routes: Routes, port: number): Record<string, unknown> {
  return openApiDocument({
    routes,
    info: {
      title: "Luna agent API",
      version: VERSION,
      description: "OpenAI's chat completions, answered by agents that use Luna's tools.",
    },
    servers: [
      { url: "/api/agent", description: "From everywhere, with a key or signed in" },
      { url: `http://127.0.0.1:${port}`, description: "On this machine, with a key" },
    ],
    schemas: { Completion, ErrorBody },
    error: ErrorBody,
    guards: { "the agent API": ["key", "session"] },
    securitySchemes: {
      key: {
        type: "http",
        scheme: "bearer",
        description: "AGENT_API_KEY of Luna's .env, or an API key of the Keys page",
      },
      session: { type: "apiKey", in: "cookie", name: SESSION_COOKIE },
    },
  });
}
