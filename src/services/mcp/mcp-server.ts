/** A server of the SDK's over what a named MCP server offers: for one request, or for one session. */
import { Server } from "@modelcontextprotocol/server";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import { VERSION } from "../../config/version.ts";
import { LogLevel } from "../../contract/tool-call.ts";
import type { Asked } from "./asked.ts";
import { openState } from "./conversing.ts";
import { complete, getPrompt, readResource, subscribe } from "./reading.ts";
import type { Serving } from "./serving.ts";
import { callTool } from "./tool-call.ts";

/** The same for every server: an extension that comes later may bring what is not there yet. */
const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};

/**
 * The SDK makes one per server, which costs more than a request. It holds nothing of a client: it only checks
 * the answers to questions, and Luna's tool hosts check these themselves.
 */
const SHARED_VALIDATOR = new AjvJsonSchemaValidator();
/** Subscriptions of one session. */
const SUBSCRIPTIONS_MAX = 1_000;

type Install = (server: Server, serving: Serving) => void;

const HANDLERS: Readonly<Record<string, Install>> = {
  "tools/list": (server, serving) =>
    server.setRequestHandler("tools/list", (_, context) => ({
      tools: serving.askedOf(context).offer.tools,
    })),
  "tools/call": (server, serving) =>
    server.setRequestHandler("tools/call", (request, context) =>
      callTool(serving, request, context),
    ),
  "resources/list": (server, serving) =>
    server.setRequestHandler("resources/list", (_, context) => ({
      resources: serving.askedOf(context).offer.resources.list,
    })),
  "resources/templates/list": (server, serving) =>
    server.setRequestHandler("resources/templates/list", (_, context) => ({
      resourceTemplates: serving.askedOf(context).offer.resources.templates,
    })),
  "resources/read": (server, serving) =>
    server.setRequestHandler("resources/read", (request, context) =>
      readResource(serving, request, context),
    ),
  "resources/subscribe": (server, serving) =>
    server.setRequestHandler("resources/subscribe", ({ params: { uri } }, context) => {
      if ((serving.session?.subscriptions.size ?? 0) >= SUBSCRIPTIONS_MAX) {
        throw new Error(`A session may subscribe to ${SUBSCRIPTIONS_MAX} resources`);
      }
      subscribe(serving, uri, context);
      return {};
    }),
  "resources/unsubscribe": (server, serving) =>
    server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
      serving.session?.subscriptions.delete(uri);
      return {};
    }),
  "prompts/list": (server, serving) =>
    server.setRequestHandler("prompts/list", (_, context) => ({
      prompts: serving.askedOf(context).offer.prompts,
    })),
  "prompts/get": (server, serving) =>
    server.setRequestHandler("prompts/get", (request, context) =>
      getPrompt(serving, request, context),
    ),
  "completion/complete": (server, serving) =>
    server.setRequestHandler("completion/complete", (request, context) =>
      complete(serving, request, context),
    ),
  "logging/setLevel": (server, { session }) =>
    server.setRequestHandler("logging/setLevel", ({ params }) => {
      if (session !== undefined) session.log_level = LogLevel.parse(params.level);
      return {};
    }),
};

export const serverInfoOf = ({ server }: Asked) => ({
  name: `Luna MCP - ${server}`,
  version: VERSION,
});

/**
 * A server is never shared by two clients: their request ids would meet in it (CVE-2026-25536).
 * @param only the one method that it is to answer besides the SDK's own; all when absent
 */
export function makeServer(serving: Serving, asked: Asked, only?: string): Server {
  const { instructions } = asked.offer;
  const server = new Server(serverInfoOf(asked), {
    capabilities: CAPABILITIES,
    jsonSchemaValidator: SHARED_VALIDATOR,
    requestState: { verify: openState(serving) },
    ...(instructions === undefined ? {} : { instructions }),
  });
  if (only === undefined) for (const install of Object.values(HANDLERS)) install(server, serving);
  else if (Object.hasOwn(HANDLERS, only)) HANDLERS[only]?.(server, serving);
  return server;
}
