/** The operations of every process, as a fuzz reaches them: on the process's own port and through Caddy. */
import { z } from "zod";
import { ErrorBody } from "../../src/contract/error.ts";
import { openApiDocument } from "../../src/lib/openapi.ts";
import { type ApiDocument, type ApiOperation, readApiDocument } from "../support/api-document.ts";
import { ROUTERS, type RouterName } from "../support/routers.ts";
import { type Access, accessAtEdge, classifiedRoutes, publicPaths, rowOf } from "./access.ts";
import { type GivenOut, ownPage, rightHeaders } from "./credentials.ts";

type Headers = readonly (readonly [string, string])[];

/** One way to an operation. */
interface Door {
  port: number;
  /** Before the operation's path. */
  prefix: string;
  right: Headers;
}

export interface FuzzedOperation {
  router: RouterName;
  access: Access;
  operation: ApiOperation;
  document: ApiDocument;
  doors: Door[];
}

/** Messages of MCP have schemas of their own; this is what gets them past the first look. */
const JSON_RPC = {
  type: "object",
  properties: {
    jsonrpc: { const: "2.0" },
    id: { anyOf: [{ type: "integer" }, { type: "string" }, { type: "null" }] },
    method: {
      enum: ["initialize", "tools/list", "tools/call", "ping", "notifications/cancelled", "x"],
    },
    params: {
      type: "object",
      properties: {
        name: { enum: ["NOTES_GET_all", "NOTES_UPDATE_create", "__proto__"] },
        arguments: { type: "object" },
        requestId: {},
        protocolVersion: { type: "string" },
        capabilities: { type: "object" },
        clientInfo: { type: "object" },
      },
    },
  },
  required: ["jsonrpc", "method"],
};

/** Without it, the transport answers no message (MCP 2025-11-25, Streamable HTTP). */
const ACCEPT = ["Accept", "application/json, text/event-stream"] as const;

/** The document of a process that publishes none, from the same routes. */
function documentOf(router: RouterName): unknown {
  const info = { title: router, version: "0", description: "" };
  const any = ["any"];
  const guards = {
    "auth's check of tokens": any,
    "auth's internal endpoints": any,
    "the agent API": any,
    "the control API": any,
  };
  const document = openApiDocument({
    ...{ routes: ROUTERS[router].routes, info, servers: [], schemas: { ErrorBody } },
    ...{ error: ErrorBody, guards, securitySchemes: {} },
  });
  return JSON.parse(JSON.stringify(document));
}

async function published(given: GivenOut, router: "supervisor" | "agent"): Promise<unknown> {
  const { credentials, ports } = given.luna;
  const token = router === "agent" ? credentials.agentKey : credentials.supervisorToken;
  const response = await fetch(`http://127.0.0.1:${ports[router]}/openapi.json`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return response.json();
}

/** OpenAPI has no word for "whatever the method". */
const KNOWN_METHODS = z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** Every route of every process as an operation, with all ways to it. */
export async function fuzzedOperations(given: GivenOut): Promise<FuzzedOperation[]> {
  const { routes } = classifiedRoutes();
  const documents = new Map<RouterName, ApiDocument>();
  for (const router of ["supervisor", "agent"] as const) {
    documents.set(router, readApiDocument(await published(given, router)));
  }
  for (const router of ["auth", "mcp", "hub"] as const) {
    documents.set(router, readApiDocument(documentOf(router)));
  }
  return routes.map((route) => {
    const { router, access } = route;
    const document = documents.get(router);
    const template = route.path.replace(/:(\w+)(\{[^}]*\})?\??/g, "{$1}");
    const described = document?.operations.find(
      ({ path, method }) => path === template && method === route.method,
    );
    if (document === undefined || described === undefined) {
      throw new Error(`${route.method} ${route.path} of ${router} is in no document`);
    }
    const method = KNOWN_METHODS.safeParse(described.method).data ?? "POST";
    const isMcp = router === "mcp" && access === "server_key";
    const operation = {
      ...described,
      method,
      path: isMcp ? "/api/mcp-keyed/mcp" : template.replace("*", "{rest}"),
      ...(isMcp ? { requestBody: { content: { "application/json": { schema: JSON_RPC } } } } : {}),
    };
    const own = [...rightHeaders(route, given), ...(isMcp ? [ACCEPT] : [])];
    const atEdge = publicPaths(router, operation.path)
      .filter((path) => rowOf(path).upstream === router)
      .map((path): Door => {
        const isSession = accessAtEdge(route, path, false) === "session";
        return {
          port: given.luna.ports.caddy,
          prefix: path.slice(0, path.length - operation.path.length),
          right: isSession ? [["Cookie", given.session], ...ownPage(given)] : own,
        };
      });
    const direct = { port: given.luna.ports[router], prefix: "", right: own };
    return { router, access, operation, document, doors: [direct, ...atEdge] };
  });
}
