/** One key: what it is, who uses it, and what can be done with it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { SecretChanged, SecretView } from "../../../../src/contract/secrets.ts";
import { deleteSecret } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { SECRETS } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { RevealDialog } from "./reveal-dialog.tsx";
import type { Asked } from "./secret-dialog.tsx";

interface SecretRowProps {
  name: string;
  view: SecretView;
  onAsk(asked: Asked): void;
  onDone(changed: SecretChanged): void;
}

export function SecretRow({ name, view, onAsk, onDone }: SecretRowProps) {
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0 flex-1 basis-72">
        <p className="font-mono font-medium [overflow-wrap:anywhere]">{name}</p>
        {view.label !== null && <p className="text-muted">{view.label}</p>}
        <p className="text-xs text-muted">{usersText(view)}</p>
        {view.refusal !== null && !view.made_by_luna && (
          <p className="text-xs text-warn">Not used: {view.refusal}.</p>
        )}
      </div>
      <p className="font-mono whitespace-nowrap">
        {view.is_set ? (
          <>
            <span className="sr-only">set{hintText(view.value)}</span>
            <span aria-hidden>{view.value}</span>
          </>
        ) : (
          <span className="text-warn">empty</span>
        )}
      </p>
      {!view.made_by_luna && <Actions name={name} view={view} onAsk={onAsk} onDone={onDone} />}
    </li>
  );
}

function hintText(value: string): string {
  const hint = value.replace(/^•+/, "");
  return hint === "" ? "" : `, ends with ${hint}`;
}

function usersText({ used_by, source, made_by_luna }: SecretView): string {
  const who = used_by.length === 0 ? "" : `Used by ${used_by.map(({ label }) => label).join(", ")}`;
  const parts = [
    made_by_luna ? "Made by Luna" : who || "Used by nothing that is installed",
    ...(source === "environment" ? ["from the environment that Luna was started in"] : []),
  ];
  return parts.join(" · ");
}

function Actions({ name, view, onAsk, onDone }: SecretRowProps) {
  const client = useQueryClient();
  const [asked, setAsked] = useState<"reveal" | "delete" | undefined>();
  const remove = useMutation({
    mutationFn: () => deleteSecret(name),
    onSuccess: async (changed) => {
      onDone(changed);
      await client.invalidateQueries(SECRETS);
    },
  });
  const close = (): void => setAsked(undefined);
  const of = <span className="sr-only"> {name}</span>;
  const isInFile = view.source === "file";
  return (
    <div className="flex flex-wrap gap-2">
      {view.refusal === null && (
        <Button onClick={() => onAsk({ name, isSet: view.is_set, help: view.help, initial: "" })}>
          {view.is_set ? "Replace" : "Set"}
          {of}
        </Button>
      )}
      {view.is_set && <Button onClick={() => setAsked("reveal")}>Show{of}</Button>}
      {isInFile && (
        <Button look="danger" isBusy={remove.isPending} onClick={() => setAsked("delete")}>
          Delete{of}
        </Button>
      )}
      {remove.isError && (
        <p role="alert" className="basis-full text-bad">
          {messageOf(remove.error)}
        </p>
      )}
      <RevealDialog name={name} isOpen={asked === "reveal"} onClose={close} />
      <ConfirmDialog
        isOpen={asked === "delete"}
        title={`Delete ${name}?`}
        confirm="Delete"
        look="danger"
        onCancel={close}
        onConfirm={() => {
          close();
          remove.mutate();
        }}
      >
        {view.used_by.length === 0
          ? "Nothing that is installed uses it. Luna keeps no copy."
          : `${view.used_by.map(({ label }) => label).join(", ")} can no longer use it, at once. Luna keeps no copy.`}
      </ConfirmDialog>
    </div>
  );
}
