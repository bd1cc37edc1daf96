/** Events of the audit log as a table. */
import type { AuditEvent } from "../../../../src/contract/audit.ts";
import { momentText, useNow } from "../../lib/time.ts";
import { actorText, detailsText, tookText } from "./event-text.ts";

const TICK_MS = 60_000;
const OUTCOME_CLASSES: Readonly<Record<AuditEvent["outcome"], string>> = {
  ok: "text-muted",
  refused: "text-warn",
  failed: "text-bad",
};

export function ActivityTable({ events }: { events: readonly AuditEvent[] }) {
  const now = useNow(TICK_MS);
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <thead className="text-muted">
          <tr>
            {["When", "Who", "What", "Outcome", "Details"].map((title) => (
              <th key={title} scope="col" className="py-1.5 pr-4 font-medium">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {events.map((event) => (
            <Row key={event.id} event={event} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ event, now }: { event: AuditEvent; now: number }) {
  const { at, actor, action, target, outcome } = event;
  return (
    <tr className="align-top">
      <td className="py-2 pr-4 whitespace-nowrap">
        <time dateTime={at} title={at}>
          {momentText(Date.parse(at), now)}
        </time>
      </td>
      <td className="py-2 pr-4 wrap-anywhere">{actorText(actor)}</td>
      <td className="py-2 pr-4">
        <span className="font-mono">{action}</span>
        {target !== null && <span className="block wrap-anywhere text-muted">{target}</span>}
      </td>
      <td className={`py-2 pr-4 ${OUTCOME_CLASSES[outcome]}`}>{outcome}</td>
      <td className="py-2 wrap-anywhere text-muted">
        {[tookText(event), ...detailsText(event)].filter((text) => text !== "").join(" · ")}
      </td>
    </tr>
  );
}
