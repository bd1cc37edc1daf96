/** A titled part of a page. */
import { type ReactNode, useId } from "react";

interface CardProps {
  title: string;
  /** Stands at the right of the title. */
  action?: ReactNode;
  tone?: "plain" | "warn";
  children: ReactNode;
}

export function Card({ title, action, tone = "plain", children }: CardProps) {
  const id = useId();
  const border = tone === "warn" ? "border-warn-line" : "border-line";
  return (
    <section
      aria-labelledby={id}
      className={`min-w-0 rounded-xl border bg-panel p-4 sm:p-5 ${border}`}
    >
      <div className="mb-3 flex items-center justify-between gap-3">
        <h2 id={id} className="min-w-0 text-base font-semibold">
          {title}
        </h2>
        {action !== undefined && <div className="-my-2">{action}</div>}
      </div>
      {children}
    </section>
  );
}
