/** The owner's passphrase: set, changed, or taken away. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { PASSPHRASE_LENGTH_MIN } from "../../../../src/contract/passphrase.ts";
import { changePassphrase, removePassphrase } from "../../lib/api.ts";
import { ApiError, messageOf } from "../../lib/api-error.ts";
import { passphraseQuery } from "../../lib/queries.ts";
import { momentText } from "../../lib/time.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { PassphraseField } from "../../ui/passphrase-field.tsx";
import { endedText } from "./methods.ts";

const HINT = `${PASSPHRASE_LENGTH_MIN} characters or more; a few unrelated words are easy to remember.`;

export function PassphraseCard() {
  const { data, error, refetch } = useQuery(passphraseQuery);
  const [done, setDone] = useState("");
  return (
    <Card title="Passphrase">
      {error !== null && data === undefined ? (
        <Failure
          title="The passphrase's state could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      ) : data === undefined ? (
        <Skeleton lines={1} />
      ) : data.changed_at === null ? (
        <>
          <p className="mb-3 text-muted">
            None is set. With one you can sign in where no link and no passkey is at hand.
          </p>
          <SetForm isChange={false} onDone={setDone} />
        </>
      ) : (
        <>
          <p className="mb-3 text-muted">
            Set {momentText(Date.parse(data.changed_at), Date.now())}. Who has forgotten it runs{" "}
            <code>luna passphrase</code> on the computer where Luna runs.
          </p>
          <Folded title="Change it">
            <SetForm isChange onDone={setDone} />
          </Folded>
          <Folded title="Take it away">
            <RemoveForm onDone={setDone} />
          </Folded>
        </>
      )}
      <p role="status" className={done === "" ? "" : "mt-3 text-good"}>
        {done}
      </p>
    </Card>
  );
}

function Folded({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <details className="border-t border-line py-2">
      <summary className="w-fit py-1 text-accent">{title}</summary>
      <div className="pt-2 pb-1">{children}</div>
    </details>
  );
}

/** Whose it is, for the password manager: it keeps nothing without a name. */
function OwnerName() {
  return (
    <input
      type="text"
      name="username"
      autoComplete="username"
      value="owner"
      readOnly
      hidden
      tabIndex={-1}
    />
  );
}

function isAboutCurrent(error: Error | null): boolean {
  return error instanceof ApiError && error.code === "wrong_passphrase";
}

function SetForm({ isChange, onDone }: { isChange: boolean; onDone(text: string): void }) {
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const change = useMutation({
    mutationFn: () => changePassphrase({ passphrase, ...(isChange ? { current } : {}) }),
    onMutate: () => onDone(""),
    onSuccess: async ({ ended }) => {
      onDone(`The passphrase is ${isChange ? "changed" : "set"}. ${endedText(ended)}`);
      setCurrent("");
      setPassphrase("");
      await client.invalidateQueries();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!change.isPending) change.mutate();
  };
  const text = change.isError ? messageOf(change.error) : undefined;
  const isOfCurrent = isAboutCurrent(change.error);
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3">
      <OwnerName />
      {isChange && (
        <PassphraseField
          label="Current passphrase"
          purpose="current-password"
          value={current}
          onChange={setCurrent}
          error={isOfCurrent ? text : undefined}
        />
      )}
      <PassphraseField
        label="New passphrase"
        purpose="new-password"
        value={passphrase}
        onChange={setPassphrase}
        hint={HINT}
        error={isOfCurrent ? undefined : text}
      />
      <Button type="submit" look="primary" isBusy={change.isPending}>
        {isChange ? "Change the passphrase" : "Set the passphrase"}
      </Button>
    </form>
  );
}

function RemoveForm({ onDone }: { onDone(text: string): void }) {
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const remove = useMutation({
    mutationFn: () => removePassphrase(current),
    onMutate: () => onDone(""),
    onSuccess: async ({ ended }) => {
      onDone(`The passphrase is gone. ${endedText(ended)}`);
      await client.invalidateQueries();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!remove.isPending) remove.mutate();
  };
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3">
      <OwnerName />
      <PassphraseField
        label="Passphrase"
        purpose="current-password"
        value={current}
        onChange={setCurrent}
        error={remove.isError ? messageOf(remove.error) : undefined}
      />
      <Button type="submit" look="danger" isBusy={remove.isPending}>
        Take the passphrase away
      </Button>
    </form>
  );
}
