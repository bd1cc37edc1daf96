/** Shows the value of a key, once somebody has said so; it is forgotten when the dialog closes. */
import { useMutation } from "@tanstack/react-query";
import { useId } from "react";
import { revealSecret } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { Button } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Failure } from "../../ui/notice.tsx";

interface RevealDialogProps {
  name: string;
  isOpen: boolean;
  onClose(): void;
}

export function RevealDialog({ name, isOpen, onClose }: RevealDialogProps) {
  const id = useId();
  const reveal = useMutation({ mutationFn: () => revealSecret(name), gcTime: 0 });
  const close = (): void => {
    reveal.reset();
    onClose();
  };
  return (
    <Modal
      isOpen={isOpen}
      onClose={close}
      labelledBy={id}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-5 text-ink"
    >
      <h2 id={id} className="mb-2 text-base font-semibold [overflow-wrap:anywhere]">
        {reveal.data === undefined ? `Show the value of ${name}?` : name}
      </h2>
      {reveal.data === undefined ? (
        <p className="text-muted">
          Whoever sees your screen can read it then. That it was shown is noted in the audit log.
        </p>
      ) : (
        <CodeBlock code={reveal.data} what={`the value of ${name}`} />
      )}
      {reveal.isError && (
        <Failure title="The value cannot be shown." message={messageOf(reveal.error)} />
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={close}>{reveal.data === undefined ? "Cancel" : "Hide"}</Button>
        {reveal.data === undefined && (
          <Button look="primary" isBusy={reveal.isPending} onClick={() => reveal.mutate()}>
            Show it
          </Button>
        )}
      </div>
    </Modal>
  );
}
