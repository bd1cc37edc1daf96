/** The problems that a person can act on, each with what to do about it. */
import { CircleX, TriangleAlert } from "lucide-react";
import type { Problem } from "../../../../src/contract/process.ts";
import { momentText } from "../../lib/time.ts";
import { Card } from "../../ui/card.tsx";

export function NeedsYou({ problems }: { problems: readonly Problem[] }) {
  return (
    <Card title="Needs you" tone="warn">
      <ul className="divide-y divide-line">
        {problems.map((problem) => (
          <li key={problem.id} className="flex gap-3 py-3 first:pt-0 last:pb-0">
            <SeverityIcon severity={problem.severity} />
            <div className="min-w-0">
              <p className="font-medium">{problem.title}</p>
              <p className="whitespace-pre-line text-muted">{problem.detail}</p>
              <p className="mt-1">{problem.fix}</p>
              <p className="mt-1 text-xs text-muted">
                Since{" "}
                <time dateTime={problem.since}>
                  {momentText(Date.parse(problem.since), Date.now())}
                </time>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function SeverityIcon({ severity }: { severity: Problem["severity"] }) {
  const [Icon, label, color] =
    severity === "error"
      ? ([CircleX, "Error", "text-bad"] as const)
      : ([TriangleAlert, "Warning", "text-warn"] as const);
  return (
    <span className={color}>
      <Icon aria-hidden className="mt-0.5 size-4.5" />
      <span className="sr-only">{label}:</span>
    </span>
  );
}
