/** Runs one tool: its arguments as a form or as JSON, and what it answered. */
import { useMutation } from "@tanstack/react-query";
import { Play, Square } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useRef, useState } from "react";
import type { ToolView } from "../../../../src/contract/tool.ts";
import { executeTool } from "../../lib/api.ts";
import type { JsonObject } from "../../schema-form/json.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { ArgumentsEditor } from "./arguments-editor.tsx";
import { RunResult } from "./run-result.tsx";
import { useToolArguments } from "./use-arguments.ts";

/** Cancelling the request cancels the call on the server. */
function useRun(tool: string) {
  const running = useRef<AbortController>(undefined);
  const run = useMutation({
    mutationFn: (args: JsonObject) => {
      running.current = new AbortController();
      return executeTool({ tool, arguments: args, signal: running.current.signal });
    },
  });
  return { run, stop: () => running.current?.abort() };
}

export function ToolRunner({ tool }: { tool: ToolView }) {
  const form = useRef<HTMLFormElement>(null);
  const args = useToolArguments(tool);
  const { run, stop } = useRun(tool.name);
  const [asked, setAsked] = useState<JsonObject | undefined>();

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (run.isPending) return;
    const checked = args.check();
    if (checked === undefined) {
      // What an earlier run answered would look like the answer to this one.
      run.reset();
      // The faults are marked once React has drawn them.
      requestAnimationFrame(() =>
        form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-faulty]")?.focus(),
      );
    } else if (tool.annotations?.destructiveHint === true) setAsked(checked);
    else run.mutate(checked);
  };
  const submitOnShortcut = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  return (
    <section
      aria-labelledby="tool-name"
      className="min-w-0 rounded-xl border border-line bg-panel p-4 sm:p-5"
    >
      <ToolHeading tool={tool} />
      <form ref={form} noValidate onSubmit={submit} onKeyDown={submitOnShortcut}>
        <ArgumentsEditor args={args} hasExample={tool.example !== undefined} />
        <div className="mt-4 flex flex-wrap items-center gap-3">
          <Button type="submit" look="primary" isBusy={run.isPending}>
            {!run.isPending && <Play aria-hidden className="size-4" />}
            {run.isPending ? "Running…" : "Run tool"}
          </Button>
          {run.isPending && (
            <Button onClick={stop}>
              <Square aria-hidden className="size-4" />
              Stop
            </Button>
          )}
          <span className="text-xs text-muted max-sm:hidden">Ctrl + Enter in any field</span>
        </div>
      </form>
      <RunResult answer={run.data} error={run.error} />
      <ConfirmDialog
        isOpen={asked !== undefined}
        title={`Run ${tool.name}?`}
        confirm="Run it"
        look="danger"
        onCancel={() => setAsked(undefined)}
        onConfirm={() => {
          if (asked !== undefined) run.mutate(asked);
          setAsked(undefined);
        }}
      >
        <p>This tool says that it may delete or overwrite something. It will run with:</p>
        <pre className="mt-2 max-h-60 overflow-auto rounded-lg border border-line bg-raised p-3 font-mono text-xs [overflow-wrap:anywhere] whitespace-pre-wrap text-ink">
          {JSON.stringify(asked, null, 2)}
        </pre>
      </ConfirmDialog>
    </section>
  );
}

function ToolHeading({ tool }: { tool: ToolView }) {
  return (
    <div className="mb-4">
      <h2 id="tool-name" tabIndex={-1} data-page-heading className="text-base font-semibold">
        Try <span className="font-mono [overflow-wrap:anywhere]">{tool.name}</span>
      </h2>
      <p className="mt-1 whitespace-pre-line text-muted">{tool.description.trim()}</p>
      <p className="mt-1 text-xs text-muted">From the extension “{tool.extension}”</p>
    </div>
  );
}
