/** The MCP clients that the owner has let in, and the end of that. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OAuthClientView } from "../../../../src/contract/oauth.ts";
import { removeOAuthClient } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { oauthClientsQuery } from "../../lib/queries.ts";
import { momentText } from "../../lib/time.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { ACCESS_SHORT, placeText } from "../consent/consent-text.ts";

const SKELETON_LINES = 2;

export function ClientsCard() {
  const { data, error, refetch } = useQuery(oauthClientsQuery);
  return (
    <Card title="Connected MCP clients">
      {error !== null && data === undefined ? (
        <Failure
          title="The clients could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      ) : data === undefined ? (
        <Skeleton lines={SKELETON_LINES} />
      ) : data.length === 0 ? (
        <p className="text-muted">None has signed in. The Connect page shows how one does.</p>
      ) : (
        <ul className="divide-y divide-line">
          {data.map((client) => (
            <ClientRow key={client.id} client={client} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function ClientRow({ client }: { client: OAuthClientView }) {
  const queries = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => removeOAuthClient(client.id),
    onSettled: () => queries.invalidateQueries(oauthClientsQuery),
  });
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0 flex-1 basis-52">
        <h3 className="font-medium [overflow-wrap:anywhere]">{client.name}</h3>
        {client.grants.length === 0 && <p className="text-xs text-muted">not connected any more</p>}
        {client.grants.map((grant) => (
          <p key={grant.id} className="text-xs text-muted [overflow-wrap:anywhere]">
            {factsOf(grant)}
          </p>
        ))}
      </div>
      <Button look="danger" isBusy={remove.isPending} onClick={() => setAsking(true)}>
        Remove<span className="sr-only"> {client.name}</span>…
      </Button>
      {remove.isError && (
        <p role="alert" className="w-full text-xs text-bad">
          {messageOf(remove.error)}
        </p>
      )}
      <ConfirmDialog
        isOpen={isAsking}
        title={`Remove “${client.name}”?`}
        confirm="Remove it"
        look="danger"
        onCancel={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          remove.mutate();
        }}
      >
        It loses its access within a second, and has to be connected anew.
      </ConfirmDialog>
    </li>
  );
}

function factsOf({
  access,
  redirect,
  created_at,
  last_used_at,
}: OAuthClientView["grants"][number]): string {
  const now = Date.now();
  return [
    ACCESS_SHORT[access],
    placeText(redirect),
    `since ${momentText(Date.parse(created_at), now)}`,
    last_used_at === null ? "never used" : `last used ${momentText(Date.parse(last_used_at), now)}`,
  ].join(" · ");
}
