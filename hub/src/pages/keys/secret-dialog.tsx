/** Asks for a key's value, and for its name when it is a new one. What is typed is not shown, unless asked for. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import type { SecretChanged } from "../../../../src/contract/secrets.ts";
import { setSecret } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { SECRETS } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { splitAssignment } from "./assignment.ts";

/** What the dialog is opened for. */
export interface Asked {
  /** undefined for a new key. */
  name: string | undefined;
  isSet: boolean;
  help: string | null;
  initial: string;
}

interface SecretDialogProps {
  asked: Asked | undefined;
  onClose(): void;
  onDone(changed: SecretChanged): void;
}

export function SecretDialog({ asked, onClose, onDone }: SecretDialogProps) {
  const id = useId();
  return (
    <Modal
      isOpen={asked !== undefined}
      onClose={onClose}
      labelledBy={id}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-5 text-ink"
    >
      {asked !== undefined && (
        <SecretForm titleId={id} asked={asked} onClose={onClose} onDone={onDone} />
      )}
    </Modal>
  );
}

function titleOf({ name, isSet }: Asked): string {
  if (name === undefined) return "Add a key";
  return isSet ? `Replace ${name}` : `Set ${name}`;
}

interface SecretFormProps {
  titleId: string;
  asked: Asked;
  onClose(): void;
  onDone(changed: SecretChanged): void;
}

function SecretForm({ titleId, asked, onClose, onDone }: SecretFormProps) {
  const id = useId();
  const client = useQueryClient();
  const [name, setName] = useState(asked.name ?? "");
  const [value, setValue] = useState(asked.initial);
  const [isShown, setShown] = useState(asked.initial !== "");
  const save = useMutation({
    mutationFn: setSecret,
    onSuccess: async (changed) => {
      await client.invalidateQueries(SECRETS);
      onDone(changed);
    },
  });
  const typeName = (text: string): void => {
    const halves = splitAssignment(text);
    setName(halves?.name ?? text.toUpperCase());
    if (halves !== undefined) setValue(halves.value);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!save.isPending) save.mutate({ key: name.trim(), value });
  };
  return (
    <form onSubmit={submit} autoComplete="off" className="space-y-4">
      <h2 id={titleId} className="text-base font-semibold [overflow-wrap:anywhere]">
        {titleOf(asked)}
      </h2>
      {asked.help !== null && <p className="text-muted">{asked.help}</p>}
      {asked.name === undefined && <NameField value={name} onChange={typeName} />}
      <div>
        <label htmlFor={id} className="mb-1 block font-medium">
          Value
        </label>
        <textarea
          id={id}
          required
          rows={2}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={save.isError || undefined}
          aria-describedby={save.isError ? `${id}-error` : undefined}
          className={`control font-mono ${isShown ? "" : "[-webkit-text-security:disc]"}`}
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
        <label className="mt-2 flex w-fit items-center gap-2">
          <input
            type="checkbox"
            className="size-4"
            checked={isShown}
            onChange={(event) => setShown(event.target.checked)}
          />
          Show what I type
        </label>
        {save.isError && (
          <p id={`${id}-error`} role="alert" className="mt-2 text-bad">
            {messageOf(save.error)}
          </p>
        )}
      </div>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" isBusy={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}

function NameField({ value, onChange }: { value: string; onChange(text: string): void }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        Name
      </label>
      <input
        id={id}
        required
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        aria-describedby={`${id}-about`}
        className="control font-mono"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-about`} className="mt-1 text-xs text-muted">
        Capital letters, digits and _. A pasted NAME=value goes into both fields.
      </p>
    </div>
  );
}
