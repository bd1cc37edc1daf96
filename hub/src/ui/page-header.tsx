/** The heading of a page: what it is, one sentence about it, and its main action. */
import { type ReactNode, useEffect } from "react";

interface PageHeaderProps {
  title: string;
  summary?: ReactNode;
  action?: ReactNode;
}

export function PageHeader({ title, summary, action }: PageHeaderProps) {
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-x-4 gap-y-3">
      <div className="min-w-0">
        <h1 tabIndex={-1} data-page-heading className="text-2xl leading-tight font-bold">
          {title}
        </h1>
        {summary !== undefined && <p className="mt-0.5 text-muted">{summary}</p>}
      </div>
      {action}
    </div>
  );
}

/** Names the page in the window's title, the history and the tab. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Luna`;
  }, [title]);
}
