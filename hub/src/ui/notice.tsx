/** What a page says when it has nothing, waits, or failed. */
import { CircleX, Info, TriangleAlert } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Button } from "./button.tsx";

type Tone = "info" | "warn" | "bad";

const TONES = {
  info: { Icon: Info, className: "border-line text-muted", iconClassName: "text-accent" },
  warn: { Icon: TriangleAlert, className: "border-warn-line", iconClassName: "text-warn" },
  bad: { Icon: CircleX, className: "border-bad-line", iconClassName: "text-bad" },
} as const;

interface NoticeProps {
  tone?: Tone;
  children: ReactNode;
  action?: ReactNode;
}

export function Notice({ tone = "info", children, action }: NoticeProps) {
  const { Icon, className, iconClassName } = TONES[tone];
  return (
    <div
      role={tone === "bad" ? "alert" : undefined}
      className={`flex flex-wrap items-center gap-3 rounded-lg border bg-panel p-3 ${className}`}
    >
      <Icon aria-hidden className={`size-4.5 shrink-0 ${iconClassName}`} />
      <div className="min-w-48 flex-1">{children}</div>
      {action}
    </div>
  );
}

interface FailureProps {
  /** What did not work: "The tools could not be loaded." */
  title: string;
  message: string;
  onRetry?(): void;
}

export function Failure({ title, message, onRetry }: FailureProps) {
  const retry = onRetry === undefined ? undefined : <Button onClick={onRetry}>Try again</Button>;
  return (
    <Notice tone="bad" action={retry}>
      <p className="font-medium">{title}</p>
      <p className="text-muted">{message}</p>
    </Notice>
  );
}

const SKELETON_AFTER_MS = 150;

/** Grey lines in place of what is coming, but only when it does not come at once. */
export function Skeleton({ lines }: { lines: number }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), SKELETON_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div role="status" aria-busy className="space-y-3">
      <span className="sr-only">Loading…</span>
      {isShown &&
        Array.from({ length: lines }, (_, line) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all the same and never move
          <div key={line} className="h-10 rounded-lg bg-raised motion-safe:animate-pulse" />
        ))}
    </div>
  );
}
