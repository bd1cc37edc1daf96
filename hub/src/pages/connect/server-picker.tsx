/** The named MCP servers: which one to connect to, its key, and the end of either. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { McpServerKey, McpServerView } from "../../../../src/contract/mcp-servers.ts";
import { deleteMcpServer, regenerateMcpKey } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { mcpServersQuery } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { Failure } from "../../ui/notice.tsx";

interface ServerPickerProps {
  servers: readonly McpServerView[];
  selected: McpServerView;
  /** The selected server's key, when it was made on this page. */
  newKey: string | undefined;
  onSelect(name: string): void;
  onKey(key: McpServerKey): void;
}

export function ServerPicker({ servers, selected, newKey, onSelect, onKey }: ServerPickerProps) {
  return (
    <div className="mb-4 space-y-4">
      <fieldset>
        <legend className="sr-only">MCP server</legend>
        <div className="space-y-2">
          {servers.map((server) => (
            <ServerOption
              key={server.name}
              server={server}
              isSelected={server.name === selected.name}
              onSelect={onSelect}
            />
          ))}
        </div>
      </fieldset>
      {newKey !== undefined && <NewKey name={selected.name} apiKey={newKey} />}
      <ServerActions
        key={selected.name}
        server={selected}
        hasNewKey={newKey !== undefined}
        onKey={onKey}
      />
    </div>
  );
}

interface ServerOptionProps {
  server: McpServerView;
  isSelected: boolean;
  onSelect(name: string): void;
}

function ServerOption({ server, isSelected, onSelect }: ServerOptionProps) {
  const tools = `${server.tool_count} tool${server.tool_count === 1 ? "" : "s"}`;
  return (
    <label className="flex items-start gap-3 rounded-lg border border-line p-3 hover:border-edge has-checked:border-accent has-checked:bg-raised">
      <input
        type="radio"
        name="mcp-server"
        className="mt-1 size-4"
        checked={isSelected}
        onChange={() => onSelect(server.name)}
      />
      <span className="min-w-0">
        <span className="block font-medium">
          {server.name}
          {!server.enabled && <span className="text-warn"> (switched off)</span>}
        </span>
        <span className="block text-xs text-muted [overflow-wrap:anywhere]">
          {server.url} · {tools} · key ends with {server.key_hint}
        </span>
      </span>
    </label>
  );
}

function NewKey({ name, apiKey }: { name: string; apiKey: string }) {
  return (
    <div role="status" className="space-y-2 rounded-lg border border-accent p-3">
      <p>
        <strong>The key of “{name}”.</strong> It is shown this once: Luna keeps no copy. The steps
        below have it filled in.
      </p>
      <CodeBlock code={apiKey} what={`the key of ${name}`} />
    </div>
  );
}

interface ServerActionsProps {
  server: McpServerView;
  hasNewKey: boolean;
  onKey(key: McpServerKey): void;
}

function ServerActions({ server, hasNewKey, onKey }: ServerActionsProps) {
  const client = useQueryClient();
  const [asked, setAsked] = useState<"regenerate" | "delete" | undefined>();
  const refresh = () => client.invalidateQueries(mcpServersQuery);
  const regenerate = useMutation({
    mutationFn: () => regenerateMcpKey(server.name),
    onSuccess: async (key) => {
      await refresh();
      onKey(key);
    },
  });
  const remove = useMutation({
    mutationFn: () => deleteMcpServer(server.name),
    onSuccess: refresh,
  });
  const error = regenerate.error ?? remove.error;
  const close = (): void => setAsked(undefined);
  return (
    <div className="space-y-3">
      {!hasNewKey && (
        <p className="text-muted">
          The steps below have a placeholder for the key. If you no longer have it, make a new one.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button isBusy={regenerate.isPending} onClick={() => setAsked("regenerate")}>
          New key…
        </Button>
        <Button look="danger" isBusy={remove.isPending} onClick={() => setAsked("delete")}>
          Delete…
        </Button>
      </div>
      {error !== null && <Failure title="That did not work." message={messageOf(error)} />}
      <ConfirmDialog
        isOpen={asked === "regenerate"}
        title={`Make a new key for “${server.name}”?`}
        confirm="Make a new key"
        onCancel={close}
        onConfirm={() => {
          close();
          regenerate.mutate();
        }}
      >
        The key that ends with {server.key_hint} stops working at once. Clients that use it need the
        new one.
      </ConfirmDialog>
      <ConfirmDialog
        isOpen={asked === "delete"}
        title={`Delete the MCP server “${server.name}”?`}
        confirm="Delete"
        look="danger"
        onCancel={close}
        onConfirm={() => {
          close();
          remove.mutate();
        }}
      >
        Clients that are connected to it lose their tools at once. The tools themselves stay.
      </ConfirmDialog>
    </div>
  );
}
