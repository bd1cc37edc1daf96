/** The HTTP app of the MCP service: the main server, opened by access tokens, and one endpoint for each named server, opened by its own key or a named one. */
import { type Context, Hono } from "hono";
import type { KeyGate } from "../../api-keys/key-gate.ts";
import { allowsMcpServer, allowsToolName } from "../../api-keys/scopes.ts";
import { identityOf } from "../../config/server-identity.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import { MCP_PATH } from "../../contract/oauth.ts";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import { clientAddress } from "../../lib/client-address.ts";
import type { Logger } from "../../lib/log.ts";
import { deriveSecret } from "../../lib/secret.ts";
import type { Asked } from "./asked.ts";
import type { Connections } from "./connections.ts";
import { type MainServerOptions, requireAccessToken } from "./main-server.ts";
import { type ConfigSource, type NamedServerVariables, requireServerKey } from "./named-server.ts";
import { Offers } from "./offer.ts";
import { requireSameOrigin } from "./same-origin.ts";
import type { SessionLimits } from "./sessions.ts";
import type { ToolSource } from "./tool-source.ts";
import { Wires } from "./wires.ts";

/** Some clients end every address with a slash. */
const MAIN_ENDPOINTS = [MCP_PATH, `${MCP_PATH}/`];
/** Some clients leave the last segment out. */
const ENDPOINT = "/api/:endpoint{mcp-[^/]+}/:suffix{mcp}?";

/** There is no stream to open (GET) and nothing to end (DELETE). */
const NO_STREAM = {
  code: "method_not_allowed",
  message: "Cannot use this method without a session: MCP messages come by POST",
};

export interface McpAppOptions {
  config: ConfigSource;
  tools: ToolSource;
  /** Who may come with a named API key. */
  gate: KeyGate;
  /** Who may come with an access token. */
  oauth: MainServerOptions;
  /** Opens every named server: the stdio bridge of this machine's owner has it. */
  ownerToken: string;
  /** Remembers who has come; nobody, where that is of no interest. */
  connections?: Pick<Connections, "note">;
  /** Aborts when the process is about to end: streams end in order. */
  stopping?: AbortSignal;
  /** Of sessions; the usual ones otherwise. */
  limits?: Partial<SessionLimits>;
  log: Logger;
}

/** Tells a key that is not for a tool so, rather than that there is none (MCP, Authorization, Scope Challenge Handling). */
function requireTool(name: string, { offer, scopes, insufficient }: Asked): void {
  // By the patterns alone, so that they do not tell which other tools exist.
  if (!allowsToolName(scopes, name)) {
    throw insufficient(`call "${name}"`, `the tool "${name}"`);
  }
  if (offer.withheld.has(name)) {
    throw insufficient(`call "${name}"`, "tools that may change things (it is read-only)");
  }
}

type Guarded = Context<{ Variables: NamedServerVariables }>;

/** Finds out who asks, for each request anew. */
function askedBy({
  config,
  tools,
  connections,
}: Pick<McpAppOptions, "config" | "tools" | "connections">) {
  const offers = new Offers();
  return async (context: Guarded): Promise<Asked> => {
    const { server: found, masterConfig, access, holder, serverIn, insufficient } = context.var;
    const { name } = found;
    const caller = { actor: access.actor, address: clientAddress(context.req) };
    const binding = `${identityOf(found)} ${holder}`;
    connections?.note({ binding, server: name, caller, request: context.req.raw });
    const offerOf = async (server: McpServer, now: MasterConfig, scopes: KeyScopes) =>
      offers.of({ server, config: now, catalogue: await tools.catalogue.read(now), scopes });
    return {
      server: name,
      caller,
      offer: await offerOf(found, masterConfig, access.scopes),
      scopes: access.scopes,
      insufficient,
      binding,
      countMore: access.countMore,
      refresh: async () => {
        const now = await config.read();
        const server = serverIn(now);
        const scopes = await access.current();
        if (server?.enabled !== true || scopes === undefined) return undefined;
        return allowsMcpServer(scopes, server) ? offerOf(server, now, scopes) : undefined;
      },
    };
  };
}

export function createMcpApp(options: McpAppOptions) {
  const { config, tools, gate, oauth, ownerToken, log, stopping, limits } = options;
  const asked = askedBy(options);
  const serverKey = requireServerKey({ config, gate, ownerToken });
  const accessToken = requireAccessToken({ config, gate, oauth });
  const wires = new Wires({
    ...{ tools, log, requireTool, limits },
    secret: deriveSecret(ownerToken, "mcp-seal"),
  });
  const sessionRequest = async (context: Guarded): Promise<Response> => {
    const answer = await wires.sessionRequest(context.req.raw, await asked(context));
    return answer ?? context.json({ error: NO_STREAM }, 405, { Allow: "POST" });
  };
  stopping?.addEventListener("abort", () => void wires.close(), { once: true });
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .use(loopbackHost)
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .use("/api/*", requireSameOrigin)
    .on("POST", MAIN_ENDPOINTS, accessToken, async (context) =>
      wires.post(context.req.raw, await asked(context)),
    )
    .on(["GET", "DELETE"], MAIN_ENDPOINTS, accessToken, sessionRequest)
    .post(ENDPOINT, serverKey, async (context) => wires.post(context.req.raw, await asked(context)))
    .on(["GET", "DELETE"], ENDPOINT, serverKey, sessionRequest);
}
