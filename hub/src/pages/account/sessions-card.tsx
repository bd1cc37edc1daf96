/** Where the owner is signed in, and the end of it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { SessionView } from "../../../../src/contract/auth.ts";
import { endOtherSessions, endSession } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { sessionsQuery } from "../../lib/queries.ts";
import { momentText } from "../../lib/time.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { METHODS } from "./methods.ts";

const SKELETON_LINES = 3;

export function SessionsCard() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(sessionsQuery);
  const [isAsking, setAsking] = useState(false);
  const endOthers = useMutation({
    mutationFn: endOtherSessions,
    onSettled: () => client.invalidateQueries(sessionsQuery),
  });
  const hasOthers = data?.some(({ current }) => !current) === true;
  return (
    <Card
      title="Sessions"
      action={
        hasOthers && (
          <Button isBusy={endOthers.isPending} onClick={() => setAsking(true)}>
            End all others…
          </Button>
        )
      }
    >
      {error !== null && data === undefined ? (
        <Failure
          title="Your sessions could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      ) : data === undefined ? (
        <Skeleton lines={SKELETON_LINES} />
      ) : (
        <ul className="divide-y divide-line">
          {currentFirst(data).map((session) => (
            <SessionRow key={session.id} session={session} />
          ))}
        </ul>
      )}
      {endOthers.isError && <Failure title="Not ended." message={messageOf(endOthers.error)} />}
      <ConfirmDialog
        isOpen={isAsking}
        title="End all other sessions?"
        confirm="End them"
        look="danger"
        onCancel={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          endOthers.mutate();
        }}
      >
        Every browser but this one has to sign in again.
      </ConfirmDialog>
    </Card>
  );
}

function currentFirst(sessions: readonly SessionView[]): SessionView[] {
  return sessions.toSorted((one, other) => Number(other.current) - Number(one.current));
}

function SessionRow({ session }: { session: SessionView }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => endSession(session.id),
    onSettled: () => client.invalidateQueries(sessionsQuery),
  });
  const name = session.browser ?? "A program";
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0 flex-1 basis-52">
        <h3 className="font-medium">
          {name}
          {session.current && <span className="font-normal text-muted"> · this browser</span>}
        </h3>
        <p className="text-xs text-muted [overflow-wrap:anywhere]">{factsOf(session)}</p>
      </div>
      {!session.current && (
        <Button look="danger" isBusy={end.isPending} onClick={() => end.mutate()}>
          End<span className="sr-only"> the session of {name}</span>
        </Button>
      )}
      {end.isError && (
        <p role="alert" className="w-full text-xs text-bad">
          {messageOf(end.error)}
        </p>
      )}
    </li>
  );
}

function factsOf({ address, method, created_at, last_seen_at }: SessionView): string {
  const now = Date.now();
  return [
    ...(address === null ? [] : [address]),
    `since ${momentText(Date.parse(created_at), now)} with ${METHODS[method]}`,
    `last seen ${momentText(Date.parse(last_seen_at), now)}`,
  ].join(" · ");
}
