/** Asks what a new key is for: its name, what it opens, which tools, and until when. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { createApiKey } from "../../../lib/api.ts";
import { messageOf } from "../../../lib/api-error.ts";
import { agentsQuery, apiKeysQuery, mcpServersQuery } from "../../../lib/queries.ts";
import { Button } from "../../../ui/button.tsx";
import { Modal } from "../../../ui/dialog.tsx";
import { faultOf, type KeyDraft, LIFETIMES, NEW_DRAFT, requestOf } from "./key-draft.ts";
import { NameChoices } from "./name-choices.tsx";
import type { NewKey } from "./new-key.tsx";
import { ToolChoices } from "./tool-choices.tsx";

interface CreateKeyDialogProps {
  isOpen: boolean;
  onClose(): void;
  onKey(key: NewKey): void;
}

export function CreateKeyDialog({ isOpen, onClose, onKey }: CreateKeyDialogProps) {
  const id = useId();
  return (
    <Modal
      isOpen={isOpen}
      onClose={onClose}
      labelledBy={id}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-5 text-ink"
    >
      <CreateKeyForm titleId={id} onClose={onClose} onKey={onKey} />
    </Modal>
  );
}

interface CreateKeyFormProps extends Omit<CreateKeyDialogProps, "isOpen"> {
  titleId: string;
}

function CreateKeyForm({ titleId, onClose, onKey }: CreateKeyFormProps) {
  const id = useId();
  const client = useQueryClient();
  const agents = useQuery(agentsQuery);
  const servers = useQuery(mcpServersQuery);
  const [draft, setDraft] = useState<KeyDraft>(NEW_DRAFT);
  const [fault, setFault] = useState<string>();
  const change = (part: Partial<KeyDraft>): void => {
    setDraft({ ...draft, ...part });
    setFault(undefined);
  };
  const create = useMutation({
    mutationFn: createApiKey,
    onSuccess: async ({ key, api_key }) => {
      await client.invalidateQueries(apiKeysQuery);
      onKey({ name: key.name, api_key });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const missing = faultOf(draft);
    setFault(missing);
    if (missing === undefined && !create.isPending) create.mutate(requestOf(draft, Date.now()));
  };
  const error = fault ?? (create.isError ? messageOf(create.error) : undefined);
  return (
    <form onSubmit={submit} autoComplete="off" className="space-y-4">
      <h2 id={titleId} className="text-base font-semibold">
        New API key
      </h2>
      <div>
        <label htmlFor={`${id}-name`} className="mb-1 block font-medium">
          Name
        </label>
        <input
          id={`${id}-name`}
          required
          maxLength={64}
          aria-describedby={`${id}-about`}
          className="control"
          value={draft.name}
          onChange={(event) => change({ name: event.target.value })}
        />
        <p id={`${id}-about`} className="mt-1 text-xs text-muted">
          Who or what uses it: it stands in lists and in the audit log.
        </p>
      </div>
      <NameChoices
        legend="Agents"
        all="All agents, also those to come"
        names={agents.data ?? []}
        none={agents.isError ? messageOf(agents.error) : ""}
        value={draft.agents}
        onChange={(value) => change({ agents: value })}
      />
      <NameChoices
        legend="MCP servers"
        all="All named MCP servers, also those to come"
        names={(servers.data ?? []).map(({ name }) => name)}
        none="There are none yet; the Connect page makes them."
        value={draft.mcp_servers}
        onChange={(value) => change({ mcp_servers: value })}
      />
      <ToolChoices draft={draft} onChange={change} />
      <div>
        <label htmlFor={`${id}-expires`} className="mb-1 block font-medium">
          Expires
        </label>
        <select
          id={`${id}-expires`}
          className="control max-w-60"
          value={draft.lifetime}
          onChange={({ target }) =>
            change({
              lifetime: LIFETIMES.find(({ id: one }) => one === target.value)?.id ?? "never",
            })
          }
        >
          {LIFETIMES.map((lifetime) => (
            <option key={lifetime.id} value={lifetime.id}>
              {lifetime.label}
            </option>
          ))}
        </select>
      </div>
      {error !== undefined && (
        <p role="alert" className="text-bad">
          {error}
        </p>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" isBusy={create.isPending}>
          Create
        </Button>
      </div>
    </form>
  );
}
