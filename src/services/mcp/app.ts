/** The HTTP app of the MCP service: one endpoint for each named server, opened by its own key or a named one. */
import { Hono } from "hono";
import type { KeyGate } from "../../api-keys/key-gate.ts";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { UnauthorizedError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { exchange } from "./exchange.ts";
import { type ConfigSource, requireServerKey } from "./named-server.ts";
import { Offers } from "./offer.ts";
import { RunningRequests } from "./running-requests.ts";
import { requireSameOrigin } from "./same-origin.ts";
import type { ToolSource } from "./tool-source.ts";

/** Some clients leave the last segment out. */
const ENDPOINT = "/api/:endpoint{mcp-[^/]+}/:suffix{mcp}?";

/** There is no stream to open (GET) and no session to end (DELETE): no state is kept between requests. */
const METHOD_NOT_ALLOWED = {
  code: "method_not_allowed",
  message: "Cannot use this method here: MCP messages come by POST",
};

export interface McpAppOptions {
  config: ConfigSource;
  tools: ToolSource;
  /** Who may come with a named API key. */
  gate: KeyGate;
  /** Opens every named server: the stdio bridge of this machine's owner has it. */
  ownerToken: string;
  log: Logger;
}

export function createMcpApp({ config, tools, gate, ownerToken, log }: McpAppOptions) {
  const offers = new Offers();
  const running = new RunningRequests();
  const serverKey = requireServerKey({ config, gate, ownerToken });
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .use(loopbackHost)
    .get("/healthz", (context) => context.json({ status: "ok" }))
    .use("/api/*", requireSameOrigin)
    .all("/api/mcp", () => {
      throw new UnauthorizedError(
        "Cannot use the main MCP server: it takes no key; use a named server, /api/mcp-<name>/mcp, with its key from the Hub's Connect page",
      );
    })
    .post(ENDPOINT, serverKey, async (context) => {
      const { server, masterConfig, access } = context.var;
      const { scopes } = access;
      const catalogue = await tools.catalogue.read();
      return exchange({
        request: context.req.raw,
        server: server.name,
        caller: { actor: access.actor, address: clientAddress(context.req) },
        offer: offers.of({ server, config: masterConfig, catalogue, scopes }),
        scopes,
        client: tools.client,
        running,
        log,
      });
    })
    .on(["GET", "DELETE"], ENDPOINT, serverKey, (context) =>
      context.json({ error: METHOD_NOT_ALLOWED }, 405, { Allow: "POST" }),
    );
}
