/** Restarts a core process, after saying what that interrupts. */
import { useMutation } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import type { CoreServiceName, ProcessView } from "../../../../src/contract/process.ts";
import { restartService } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { Spinner } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";

const INTERRUPTIONS: Record<CoreServiceName, string> = {
  auth: "Signing in, and every page that asks who you are, waits for about a second. Nobody is signed out.",
  agent: "Answers that agents are writing now are cut off, and have to be asked for again.",
  mcp: "Tool calls that connected clients are waiting for are cut off; the clients connect again by themselves.",
  hub: "This page stays. Opening another one may fail for about a second.",
};

function isCoreService(name: string): name is CoreServiceName {
  return Object.hasOwn(INTERRUPTIONS, name);
}

/** Also a placeholder of its size, so that the states of all rows stand in one column. */
export function RestartButton({ process }: { process: ProcessView }) {
  const { name, label } = process;
  if (!isCoreService(name)) return <span className="size-9 max-sm:hidden" />;
  return <CoreRestartButton name={name} label={label} />;
}

function CoreRestartButton({ name, label }: { name: CoreServiceName; label: string }) {
  const [isAsking, setAsking] = useState(false);
  const restart = useMutation({ mutationFn: () => restartService(name) });
  return (
    <>
      {restart.isError && (
        <span role="alert" className="text-xs text-bad">
          {messageOf(restart.error)}
        </span>
      )}
      <button
        type="button"
        title={`Restart ${label}`}
        aria-label={`Restart ${label}`}
        disabled={restart.isPending}
        onClick={() => setAsking(true)}
        className="inline-flex size-9 items-center justify-center rounded-lg border border-line bg-raised hover:border-edge"
      >
        {restart.isPending ? <Spinner /> : <RefreshCw aria-hidden className="size-4" />}
      </button>
      <ConfirmDialog
        isOpen={isAsking}
        title={`Restart ${label}?`}
        confirm="Restart"
        onCancel={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          restart.mutate();
        }}
      >
        {INTERRUPTIONS[name]}
      </ConfirmDialog>
    </>
  );
}
