/** What a run answered: success or failure in words, how long it took, and the result to read or to copy. */
import { CircleCheck, CircleX } from "lucide-react";
import { useState } from "react";
import type { ExecuteAnswer } from "../../../../src/contract/tool.ts";
import { messageOf } from "../../lib/api-error.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { ValueView } from "./value-view.tsx";

interface RunResultProps {
  answer: ExecuteAnswer | undefined;
  error: Error | null;
}

/** The region is there from the start: screen readers tell what comes into it. */
export function RunResult({ answer, error }: RunResultProps) {
  return (
    <div aria-live="polite" className="mt-4 empty:hidden">
      {error !== null && <Outcome isSuccess={false} text={failureText(error)} />}
      {error === null && answer !== undefined && <Answer answer={answer} />}
    </div>
  );
}

function failureText(error: Error): string {
  return error.name === "AbortError"
    ? "Stopped. What it did until then stays done."
    : messageOf(error);
}

function Outcome({ isSuccess, text }: { isSuccess: boolean; text: string }) {
  const Icon = isSuccess ? CircleCheck : CircleX;
  return (
    <p className={`flex items-start gap-2 ${isSuccess ? "text-good" : "text-bad"}`}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <span className="min-w-0">{text}</span>
    </p>
  );
}

function Answer({ answer }: { answer: ExecuteAnswer }) {
  const [view, setView] = useState<"read" | "raw">("read");
  const raw = JSON.stringify(answer, null, 2);
  const word = answer.success ? "Succeeded" : "Failed";
  return (
    <div className="space-y-3 border-t border-line pt-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Outcome isSuccess={answer.success} text={`${word} in ${answer.duration_ms} ms`} />
        <CopyButton text={raw} what="the answer" />
      </div>
      <Tabs
        label="How to show the answer"
        value={view}
        onChange={setView}
        tabs={[
          { id: "read", label: "Result", content: <ValueView value={answer.result} /> },
          { id: "raw", label: "Raw", content: <Raw text={raw} /> },
        ]}
      />
    </div>
  );
}

function Raw({ text }: { text: string }) {
  return (
    <section
      aria-label="Raw answer"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-128 overflow-auto rounded-lg border border-line bg-raised p-3"
    >
      <pre className="font-mono text-xs/5">{text}</pre>
    </section>
  );
}
