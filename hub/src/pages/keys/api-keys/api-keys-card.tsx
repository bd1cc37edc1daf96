/** API keys: which there are, and a new one. */
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import type { ApiKeyList } from "../../../../../src/contract/api-keys.ts";
import { messageOf } from "../../../lib/api-error.ts";
import { apiKeysQuery } from "../../../lib/queries.ts";
import { useNow } from "../../../lib/time.ts";
import { Button } from "../../../ui/button.tsx";
import { Card } from "../../../ui/card.tsx";
import { Failure, Skeleton } from "../../../ui/notice.tsx";
import { CreateKeyDialog } from "./create-key-dialog.tsx";
import { AgentKeyRow, KeyRow } from "./key-row.tsx";
import { type NewKey, NewKeyNotice } from "./new-key.tsx";

const SKELETON_LINES = 2;
const MINUTE_MS = 60_000;

export function ApiKeysCard() {
  const list = useQuery(apiKeysQuery);
  const [isCreating, setCreating] = useState(false);
  const [newKey, setNewKey] = useState<NewKey>();
  const create = (
    <Button look="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden className="size-4" />
      New key
    </Button>
  );
  return (
    <Card title="API keys" action={create}>
      <p className="mb-3 text-muted">
        For programs that use agents or MCP servers of this Luna: one for each, so that one can end
        without the others.
      </p>
      <div className="space-y-4">
        {newKey !== undefined && <NewKeyNotice {...newKey} onDone={() => setNewKey(undefined)} />}
        {list.isPending && <Skeleton lines={SKELETON_LINES} />}
        {list.isError && (
          <Failure
            title="The keys could not be loaded."
            message={messageOf(list.error)}
            onRetry={() => void list.refetch()}
          />
        )}
        {list.isSuccess && <Rows list={list.data} onKey={setNewKey} />}
      </div>
      <CreateKeyDialog
        isOpen={isCreating}
        onClose={() => setCreating(false)}
        onKey={(key) => {
          setCreating(false);
          setNewKey(key);
        }}
      />
    </Card>
  );
}

function Rows({ list, onKey }: { list: ApiKeyList; onKey(key: NewKey): void }) {
  const now = useNow(MINUTE_MS);
  return (
    <ul className="divide-y divide-line">
      {list.agent_key !== null && <AgentKeyRow agentKey={list.agent_key} now={now} onKey={onKey} />}
      {list.keys.map((key) => (
        <KeyRow key={key.id} apiKey={key} now={now} onKey={onKey} />
      ))}
    </ul>
  );
}
