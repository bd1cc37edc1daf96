/** One key: what it opens, when it was used last, and what can be done with it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { AGENT_KEY_NAME } from "../../../../../src/contract/agent-key.ts";
import type { AgentKeyView, ApiKeyView } from "../../../../../src/contract/api-keys.ts";
import { regenerateAgentKey, revokeApiKey, rotateApiKey } from "../../../lib/api.ts";
import { messageOf } from "../../../lib/api-error.ts";
import { apiKeysQuery } from "../../../lib/queries.ts";
import { Button } from "../../../ui/button.tsx";
import { ConfirmDialog } from "../../../ui/dialog.tsx";
import type { NewKey } from "./new-key.tsx";
import { RotateDialog } from "./rotate-dialog.tsx";
import { lifeText, scopeText } from "./scope-text.ts";

interface RowProps {
  name: string;
  hint: string;
  opens: string;
  life: string;
  isExpired?: boolean;
  /** Asks for a new secret. */
  rotate(grace_s: number): Promise<string>;
  onKey(key: NewKey): void;
  children?: ReactNode;
}

function Row({ name, hint, opens, life, isExpired = false, rotate, onKey, children }: RowProps) {
  const [isRotating, setRotating] = useState(false);
  return (
    <li data-key={name} className="flex flex-wrap items-center gap-3 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0 flex-1 basis-72 [overflow-wrap:anywhere]">
        <p className="font-medium">
          {name} <span className="font-mono text-xs font-normal text-muted">ends with {hint}</span>
        </p>
        <p>{opens}</p>
        <p className={`text-xs ${isExpired ? "text-warn" : "text-muted"}`}>{life}</p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => setRotating(true)}>
          New key…<span className="sr-only"> for {name}</span>
        </Button>
        {children}
      </div>
      <RotateDialog
        name={name}
        isOpen={isRotating}
        onClose={() => setRotating(false)}
        rotate={rotate}
        onKey={(api_key) => onKey({ name, api_key })}
      />
    </li>
  );
}

interface AgentKeyRowProps {
  agentKey: AgentKeyView;
  now: number;
  onKey(key: NewKey): void;
}

/** Luna's own key for agents, which cannot be without one. */
export function AgentKeyRow({ agentKey, now, onKey }: AgentKeyRowProps) {
  return (
    <Row
      name={AGENT_KEY_NAME}
      hint={agentKey.key_hint}
      opens="All agents with all tools; kept in .env, and shown on the Connect page"
      life={lifeText(agentKey, now)}
      rotate={regenerateAgentKey}
      onKey={(key) => onKey({ ...key, isKept: true })}
    />
  );
}

interface KeyRowProps {
  apiKey: ApiKeyView;
  now: number;
  onKey(key: NewKey): void;
}

export function KeyRow({ apiKey, now, onKey }: KeyRowProps) {
  const { id, name, key_hint, scopes, is_expired } = apiKey;
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const revoke = useMutation({
    mutationFn: () => revokeApiKey(id),
    onSuccess: () => client.invalidateQueries(apiKeysQuery),
  });
  return (
    <Row
      name={name}
      hint={key_hint}
      opens={scopeText(scopes)}
      life={lifeText(apiKey, now)}
      isExpired={is_expired}
      rotate={async (grace_s) => (await rotateApiKey({ id, grace_s })).api_key}
      onKey={onKey}
    >
      <Button look="danger" isBusy={revoke.isPending} onClick={() => setAsking(true)}>
        Revoke…<span className="sr-only"> {name}</span>
      </Button>
      {revoke.isError && (
        <p role="alert" className="text-bad">
          {messageOf(revoke.error)}
        </p>
      )}
      <ConfirmDialog
        isOpen={isAsking}
        title={`Revoke “${name}”?`}
        confirm="Revoke"
        look="danger"
        onCancel={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          revoke.mutate();
        }}
      >
        Whatever uses it is refused from its next request on. This cannot be undone.
      </ConfirmDialog>
    </Row>
  );
}
