/** Runs the MCP service: builds what its app needs, serves it, and ends in order. */
import { z } from "zod";
import { openKeyGate } from "../../api-keys/open-key-gate.ts";
import { recordingRefusals } from "../../audit/refused-requests.ts";
import { AuditTrail } from "../../audit/trail.ts";
import { type Environment, readVariables } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { pathsOf } from "../../config/paths.ts";
import { portsWith } from "../../config/ports.ts";
import type { MasterConfig } from "../../contract/config.ts";
import { createLogger, gathered } from "../../lib/log.ts";
import { onceATurn } from "../../lib/once-a-turn.ts";
import { serve } from "../../lib/serve.ts";
import { askedToStop, drain, endOnUncaught } from "../../lib/stop.ts";
import { ToolCatalogue } from "../../tools/catalogue.ts";
import { ToolClient } from "../../tools/client.ts";
import { AccessTokens, askAuth } from "./access-tokens.ts";
import { createMcpApp } from "./app.ts";
import { Connections } from "./connections.ts";

const McpVariables = z.object({
  LUNA_MCP_TOKEN: z.string().min(1),
  LUNA_TOOL_HOST_TOKEN: z.string().min(1),
  /** What auth is asked about tokens with. */
  LUNA_TOKEN_CHECK: z.string().min(1),
  /** The Hub's address, without a final slash. */
  LUNA_PUBLIC_URL: z.url(),
});

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const variables = readVariables(environment, McpVariables, "mcp");
  const { LUNA_MCP_TOKEN: ownerToken, LUNA_TOOL_HOST_TOKEN: token } = variables;
  const { LUNA_TOKEN_CHECK: checkToken, LUNA_PUBLIC_URL: publicUrl } = variables;
  const secrets = [ownerToken, token, checkToken];
  const log = createLogger("mcp", secrets, gathered());
  endOnUncaught(log);
  const paths = pathsOf(environment.home);
  const audit = new AuditTrail({ folder: paths.audit, process: "mcp", secrets, log });
  const ports = portsWith(environment.portOffset);
  const config = new MasterConfigStore(paths.masterConfig);
  const catalogue = new ToolCatalogue({ paths, config });
  // Many requests may come at once, and each look costs a system call or two.
  const shared = {
    config: { read: onceATurn<void, Promise<MasterConfig>>(() => config.read()) },
    catalogue: { read: onceATurn((now: MasterConfig) => catalogue.read(now)) },
  };
  const supervisorUrl = `http://127.0.0.1:${ports.supervisor}`;
  const client = new ToolClient({ paths, catalogue, config, supervisorUrl, token, audit, log });
  const { gate, uses } = openKeyGate({
    ...{ path: paths.apiKeys, config: shared.config, supervisorUrl, token, log },
  });
  const ask = askAuth(`http://127.0.0.1:${ports.auth}`, checkToken);
  const accessTokens = new AccessTokens({ ask, clock: Date.now, log });
  const oauth = {
    publicUrl,
    find: (hash: string) => accessTokens.find(hash),
    refusalOf: (hash: string) => accessTokens.refusalOf(hash),
  };
  const ending = new AbortController();
  const app = createMcpApp({
    ...{ config: shared.config, tools: { catalogue: shared.catalogue, client } },
    ...{ gate, oauth, ownerToken, log },
    connections: new Connections({ audit, clock: Date.now }),
    stopping: ending.signal,
  });
  const server = serve({ fetch: recordingRefusals(app.fetch, audit), listen: { port: ports.mcp } });
  log.info("Listening", { port: ports.mcp });

  log.info("Stopping", { signal: await stopping });
  ending.abort();
  await drain(server);
  await uses.flush();
  audit.close();
  process.exit(0);
}
