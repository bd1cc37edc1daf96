/** A process's state as an icon and a word: never by colour alone. */
import { CircleAlert, CircleCheck, CircleDashed, CircleX, LoaderCircle } from "lucide-react";
import type { ProcessStatus, Tone } from "./process-status.ts";

const MARKS: Record<Tone, { Icon: typeof CircleCheck; className: string; spins?: true }> = {
  good: { Icon: CircleCheck, className: "text-good" },
  busy: { Icon: LoaderCircle, className: "text-warn", spins: true },
  warn: { Icon: CircleAlert, className: "text-warn" },
  bad: { Icon: CircleX, className: "text-bad" },
  off: { Icon: CircleDashed, className: "text-muted" },
};

export function StatusMark({ status }: { status: ProcessStatus }) {
  const { Icon, className, spins } = MARKS[status.tone];
  return (
    <span className="flex items-center gap-1.5 text-right">
      <Icon
        aria-hidden
        className={`size-4 shrink-0 ${className} ${spins ? "motion-safe:animate-spin" : ""}`}
      />
      <span>
        <span className={className}>{status.word}</span>
        {status.detail !== undefined && <span className="text-muted"> {status.detail}</span>}
      </span>
    </span>
  );
}
