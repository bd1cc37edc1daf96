/** Gives a key a new secret, after asking how long the old one should go on. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { messageOf } from "../../../lib/api-error.ts";
import { apiKeysQuery } from "../../../lib/queries.ts";
import { Button } from "../../../ui/button.tsx";
import { Modal } from "../../../ui/dialog.tsx";

const GRACES = [
  { seconds: 86_400, label: "for another 24 hours" },
  { seconds: 3_600, label: "for another hour" },
  { seconds: 604_800, label: "for another 7 days" },
  { seconds: 0, label: "no more: it stops at once" },
];
const FIRST_GRACE = 86_400;

interface RotateDialogProps {
  name: string;
  isOpen: boolean;
  onClose(): void;
  /** Asks for the new secret. */
  rotate(grace_s: number): Promise<string>;
  onKey(api_key: string): void;
}

export function RotateDialog({ name, isOpen, onClose, rotate, onKey }: RotateDialogProps) {
  const id = useId();
  const client = useQueryClient();
  const [grace, setGrace] = useState(FIRST_GRACE);
  const mutation = useMutation({
    mutationFn: rotate,
    onSuccess: async (api_key) => {
      await client.invalidateQueries(apiKeysQuery);
      onClose();
      onKey(api_key);
    },
  });
  return (
    <Modal
      isOpen={isOpen}
      onClose={onClose}
      labelledBy={id}
      className="m-auto w-[min(30rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-5 text-ink"
    >
      <h2 id={id} className="mb-2 text-base font-semibold [overflow-wrap:anywhere]">
        Give “{name}” a new key?
      </h2>
      <label htmlFor={`${id}-grace`} className="mb-1 block text-muted">
        The present key works
      </label>
      <select
        id={`${id}-grace`}
        className="control"
        value={grace}
        onChange={(event) => setGrace(Number(event.target.value))}
      >
        {GRACES.map(({ seconds, label }) => (
          <option key={seconds} value={seconds}>
            {label}
          </option>
        ))}
      </select>
      {mutation.isError && (
        <p role="alert" className="mt-2 text-bad">
          {messageOf(mutation.error)}
        </p>
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" isBusy={mutation.isPending} onClick={() => mutation.mutate(grace)}>
          Make a new key
        </Button>
      </div>
    </Modal>
  );
}
