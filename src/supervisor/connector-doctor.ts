/** What the connector doctor needs of the supervisor: a named server for the moment, and auth's list of clients. */
import type { Credentials } from "../config/credentials.ts";
import type { Ports } from "../config/ports.ts";
import { ConnectorDoctor } from "../connector/doctor.ts";
import { NotFoundError, UpstreamError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { McpServers } from "./mcp-servers.ts";

const SERVER = "luna-mcp-doctor";
const TIMEOUT_MS = 5_000;

interface Options {
  publicUrl: string;
  mcpServers: Pick<McpServers, "create" | "delete">;
  ports: Pick<Ports, "auth">;
  credentials: Pick<Credentials, "authToken">;
  log: Logger;
}

export function createConnectorDoctor({ publicUrl, mcpServers, ports, credentials, log }: Options) {
  const closeServer = async (): Promise<void> => {
    try {
      await mcpServers.delete(SERVER);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  };
  return new ConnectorDoctor({
    ...{ publicUrl, closeServer, log },
    openServer: async () => {
      // One is left by a supervisor that ended in the middle of it.
      await closeServer();
      const { server, api_key } = await mcpServers.create(SERVER);
      return { url: server.url, api_key };
    },
    removeClient: async (client_id) => {
      const query = new URLSearchParams({ client_id });
      const answer = await fetch(`http://127.0.0.1:${ports.auth}/oauth/clients?${query}`, {
        method: "DELETE",
        headers: { Authorization: `Bearer ${credentials.authToken}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!answer.ok) throw new UpstreamError(`Sign-in answered ${answer.status}`);
    },
  });
}
