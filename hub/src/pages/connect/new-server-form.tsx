/** Makes a named MCP server; its key comes back once. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { McpServerKey } from "../../../../src/contract/mcp-servers.ts";
import { createMcpServer } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { mcpServersQuery } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";

interface NewServerFormProps {
  /** The first one is asked for with a name to start from; later ones unfold. */
  isFirst: boolean;
  onKey(key: McpServerKey): void;
}

const FIRST_NAME = "personal";

export function NewServerForm({ isFirst, onKey }: NewServerFormProps) {
  if (isFirst) return <Form initialName={FIRST_NAME} onKey={onKey} />;
  return (
    <details className="border-t border-line pt-3">
      <summary className="w-fit py-1 text-accent">Another MCP server</summary>
      <div className="pt-3">
        <Form initialName="" onKey={onKey} />
      </div>
    </details>
  );
}

function Form({ initialName, onKey }: { initialName: string; onKey(key: McpServerKey): void }) {
  const id = useId();
  const client = useQueryClient();
  const [name, setName] = useState(initialName);
  const create = useMutation({
    mutationFn: createMcpServer,
    onSuccess: async (key) => {
      await client.invalidateQueries(mcpServersQuery);
      setName("");
      onKey(key);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!create.isPending) create.mutate(name.trim());
  };
  const hint =
    "Small letters, digits, _ and -, no spaces. For example the client's name, or your own.";
  return (
    <form onSubmit={submit} className="max-w-lg">
      <label htmlFor={id} className="mb-1 block font-medium">
        Name of the new MCP server
      </label>
      <div className="flex flex-wrap gap-2">
        <input
          id={id}
          required
          pattern=" *[a-z0-9][a-z0-9_\-]{0,63} *"
          title={hint}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          aria-describedby={`${id}-about`}
          aria-invalid={create.isError || undefined}
          className="control max-w-72 flex-1 basis-40"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" look="primary" isBusy={create.isPending}>
          {!create.isPending && <Plus aria-hidden className="size-4" />}
          Create
        </Button>
      </div>
      <p
        id={`${id}-about`}
        className={`mt-1 text-xs ${create.isError ? "text-bad" : "text-muted"}`}
      >
        {create.isError ? messageOf(create.error) : hint}
      </p>
    </form>
  );
}
