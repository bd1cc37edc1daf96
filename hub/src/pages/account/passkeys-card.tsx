/** The owner's passkeys: made in this browser, named, and removed. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import type { PasskeyList, PasskeyView } from "../../../../src/contract/auth.ts";
import { removePasskey, renamePasskey } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { canUsePasskeys, createPasskey } from "../../lib/passkey.ts";
import { passkeysQuery } from "../../lib/queries.ts";
import { momentText } from "../../lib/time.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { Failure, Notice, Skeleton } from "../../ui/notice.tsx";

const NAME_LENGTH_MAX = 60;

export function PasskeysCard() {
  const { data, error, refetch } = useQuery(passkeysQuery);
  return (
    <Card title="Passkeys">
      <p className="mb-3 text-muted">
        A passkey signs you in with this device's finger, face or PIN, or with a security key. There
        is nothing to remember, and nothing that another site could steal.
      </p>
      {error !== null && data === undefined ? (
        <Failure
          title="Your passkeys could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      ) : data === undefined ? (
        <Skeleton lines={1} />
      ) : (
        <div className="space-y-4">
          {data.passkeys.length > 0 && (
            <ul className="divide-y divide-line">
              {data.passkeys.map((passkey) => (
                <PasskeyRow
                  key={passkey.id}
                  passkey={passkey}
                  isHere={passkey.host === data.host}
                />
              ))}
            </ul>
          )}
          <NewPasskey list={data} />
        </div>
      )}
    </Card>
  );
}

function NewPasskey({ list: { host, elsewhere } }: { list: PasskeyList }) {
  if (host === null) {
    return (
      <Notice>
        Passkeys need a host name, and this address is a number.{" "}
        {elsewhere === null ? (
          "This Luna has no other."
        ) : (
          <>
            Open Luna at{" "}
            <a href={`${elsewhere}/account`} className="text-accent underline">
              {elsewhere}
            </a>{" "}
            to add one; you sign in there anew.
          </>
        )}
      </Notice>
    );
  }
  if (!canUsePasskeys) return <Notice>This browser cannot use passkeys at this address.</Notice>;
  return <NewPasskeyForm />;
}

function NewPasskeyForm() {
  const id = useId();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () => createPasskey(name.trim()),
    onSuccess: async () => {
      setName("");
      await client.invalidateQueries(passkeysQuery);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!create.isPending) create.mutate();
  };
  return (
    <form onSubmit={submit} className="max-w-lg">
      <label htmlFor={id} className="mb-1 block font-medium">
        Name of the new passkey
      </label>
      <div className="flex flex-wrap gap-2">
        <input
          id={id}
          autoComplete="off"
          maxLength={NAME_LENGTH_MAX}
          aria-describedby={`${id}-about`}
          className="control max-w-72 flex-1 basis-40"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" look="primary" isBusy={create.isPending}>
          {!create.isPending && <Plus aria-hidden className="size-4" />}
          Add a passkey
        </Button>
      </div>
      <p
        id={`${id}-about`}
        role={create.isError ? "alert" : undefined}
        className={`mt-1 text-xs ${create.isError ? "text-bad" : "text-muted"}`}
      >
        {create.isError ? messageOf(create.error) : "Such as the device's; may be left empty."}
      </p>
    </form>
  );
}

function PasskeyRow({ passkey, isHere }: { passkey: PasskeyView; isHere: boolean }) {
  const client = useQueryClient();
  const [mode, setMode] = useState<"shown" | "renaming" | "removing">("shown");
  const close = (): void => setMode("shown");
  const remove = useMutation({
    mutationFn: () => removePasskey(passkey.id),
    onSettled: () => client.invalidateQueries({ queryKey: ["account"] }),
  });
  return (
    <li className="space-y-2 py-3 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h3 className="font-medium [overflow-wrap:anywhere]">{passkey.name}</h3>
          <p className="text-xs text-muted">{factsOf(passkey, isHere)}</p>
        </div>
        <div className="flex gap-2">
          <Button onClick={() => setMode(mode === "renaming" ? "shown" : "renaming")}>
            Rename<span className="sr-only"> {passkey.name}</span>
          </Button>
          <Button look="danger" isBusy={remove.isPending} onClick={() => setMode("removing")}>
            Remove…<span className="sr-only"> {passkey.name}</span>
          </Button>
        </div>
      </div>
      {mode === "renaming" && <RenameForm passkey={passkey} onDone={close} />}
      {remove.isError && <Failure title="Not removed." message={messageOf(remove.error)} />}
      <ConfirmDialog
        isOpen={mode === "removing"}
        title={`Remove the passkey “${passkey.name}”?`}
        confirm="Remove"
        look="danger"
        onCancel={close}
        onConfirm={() => {
          close();
          remove.mutate();
        }}
      >
        It signs nobody in any more, and other browsers that were signed in with it are signed out.
        The device goes on offering it until it is removed there, too.
      </ConfirmDialog>
    </li>
  );
}

function RenameForm({ passkey, onDone }: { passkey: PasskeyView; onDone(): void }) {
  const id = useId();
  const client = useQueryClient();
  const [name, setName] = useState(passkey.name);
  const rename = useMutation({
    mutationFn: () => renamePasskey({ id: passkey.id, name: name.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries(passkeysQuery);
      onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!rename.isPending) rename.mutate();
  };
  return (
    <form onSubmit={submit} className="max-w-lg">
      <label htmlFor={id} className="mb-1 block font-medium">
        New name
      </label>
      <div className="flex flex-wrap gap-2">
        <input
          id={id}
          required
          autoComplete="off"
          maxLength={NAME_LENGTH_MAX}
          className="control max-w-72 flex-1 basis-40"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" look="primary" isBusy={rename.isPending}>
          Save
        </Button>
      </div>
      {rename.isError && (
        <p role="alert" className="mt-1 text-xs text-bad">
          {messageOf(rename.error)}
        </p>
      )}
    </form>
  );
}

function factsOf({ host, created_at, last_used_at }: PasskeyView, isHere: boolean): string {
  const now = Date.now();
  const used =
    last_used_at === null ? "never used" : `last used ${momentText(Date.parse(last_used_at), now)}`;
  return [
    `added ${momentText(Date.parse(created_at), now)}`,
    used,
    ...(isHere ? [] : [`works at ${host} only`]),
  ].join(" · ");
}
