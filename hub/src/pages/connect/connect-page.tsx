/** Connect: gives the tools to an MCP client, and the agents to a program. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import type { McpServerKey, McpServerView } from "../../../../src/contract/mcp-servers.ts";
import { messageOf } from "../../lib/api-error.ts";
import { connectQuery, mcpServersQuery } from "../../lib/queries.ts";
import { Card } from "../../ui/card.tsx";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { AgentApiCard } from "./agent-api-card.tsx";
import { ClientSteps } from "./client-steps.tsx";
import { clientsFor } from "./clients.ts";
import { NewServerForm } from "./new-server-form.tsx";
import { ServerPicker } from "./server-picker.tsx";
import { SignInCard } from "./sign-in-card.tsx";

export function ConnectPage() {
  usePageTitle("Connect");
  const { client } = useSearch({ from: "/frame/connect" });
  const navigate = useNavigate({ from: "/connect" });
  const connect = useQuery(connectQuery);
  const servers = useQuery(mcpServersQuery);
  const error = connect.error ?? servers.error;
  const retry = (): void => {
    void connect.refetch();
    void servers.refetch();
  };
  return (
    <>
      <PageHeader
        title="Connect"
        summary="Give your tools to an MCP client, or your agents to a program."
      />
      {connect.data !== undefined && servers.data !== undefined && (
        <div className="space-y-4">
          <SignInCard
            publicUrl={connect.data.public_url}
            client={client}
            onClient={(chosen) =>
              void navigate({ search: (before) => ({ ...before, client: chosen }), replace: true })
            }
          />
          <McpSection
            servers={servers.data}
            command={connect.data.command}
            env={connect.data.env}
          />
          <AgentApiCard publicUrl={connect.data.public_url} />
        </div>
      )}
      {(connect.isPending || servers.isPending) && <Skeleton lines={4} />}
      {error !== null && (connect.data === undefined || servers.data === undefined) && (
        <Failure
          title="What is needed to connect could not be loaded."
          message={messageOf(error)}
          onRetry={retry}
        />
      )}
    </>
  );
}

interface McpSectionProps {
  servers: readonly McpServerView[];
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** New keys live in this page's memory alone: leaving it forgets them. */
function McpSection({ servers, command, env }: McpSectionProps) {
  const search = useSearch({ from: "/frame/connect" });
  const navigate = useNavigate({ from: "/connect" });
  const [keys, setKeys] = useState<Readonly<Record<string, string>>>({});
  const selected = servers.find(({ name }) => name === search.server) ?? servers[0];

  const choose = (client: string): void =>
    void navigate({ search: (before) => ({ ...before, client }), replace: true });
  const select = (server: string): void =>
    void navigate({ search: (before) => ({ ...before, server }), replace: true });
  const keep = ({ server, api_key }: McpServerKey): void => {
    setKeys((before) => ({ ...before, [server.name]: api_key }));
    select(server.name);
  };
  return (
    <>
      <Card title="1. MCP server">
        <p className="mb-4 text-muted">
          For programs that take a key, or only some of the tools: an MCP server of its own, whose
          key you can take away again without touching the others.
        </p>
        {selected !== undefined && (
          <ServerPicker
            servers={servers}
            selected={selected}
            newKey={keys[selected.name]}
            onSelect={select}
            onKey={keep}
          />
        )}
        <NewServerForm isFirst={selected === undefined} onKey={keep} />
      </Card>
      {selected !== undefined && (
        <Card title="2. Client">
          <ClientSteps
            clients={clientsFor({
              name: selected.name,
              url: selected.url,
              apiKey: keys[selected.name],
              command,
              env,
            })}
            label="Client"
            client={search.client}
            onClient={choose}
          />
        </Card>
      )}
    </>
  );
}
