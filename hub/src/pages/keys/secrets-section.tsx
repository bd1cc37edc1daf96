/** The keys of `.env`: what is missing, what is set, and a file to bring in. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { SecretChanged } from "../../../../src/contract/secrets.ts";
import { messageOf } from "../../lib/api-error.ts";
import { requiredSecretsQuery, secretsQuery } from "../../lib/queries.ts";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { EffectNotice } from "./effect-notice.tsx";
import { MissingCard } from "./missing-card.tsx";
import { type Asked, SecretDialog } from "./secret-dialog.tsx";
import { SecretsCard } from "./secrets-card.tsx";
import { UploadCard } from "./upload-card.tsx";

export function SecretsSection() {
  const list = useQuery(secretsQuery);
  const required = useQuery(requiredSecretsQuery);
  const [asked, setAsked] = useState<Asked>();
  const [changed, setChanged] = useState<SecretChanged>();
  if (list.isPending) return <Skeleton lines={5} />;
  if (list.isError) {
    return (
      <Failure
        title="The keys could not be loaded."
        message={messageOf(list.error)}
        onRetry={() => void list.refetch()}
      />
    );
  }
  return (
    <>
      {changed !== undefined && (
        <EffectNotice
          key={JSON.stringify(changed)}
          done={`${changed.key} is ${changed.status === "updated" ? "set" : "deleted"}.`}
          effect={changed}
        />
      )}
      <MissingCard required={required.data ?? {}} onAsk={setAsked} />
      <SecretsCard list={list.data} onAsk={setAsked} onDone={setChanged} />
      <UploadCard onApplied={() => setChanged(undefined)} />
      <SecretDialog
        asked={asked}
        onClose={() => setAsked(undefined)}
        onDone={(done) => {
          setAsked(undefined);
          setChanged(done);
        }}
      />
    </>
  );
}
