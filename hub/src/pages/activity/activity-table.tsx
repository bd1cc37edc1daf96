/** Events of the audit log as a table; on a phone each is a block of its own. */
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
      <table className="w-full text-left text-sm max-sm:block">
        <thead className="text-muted max-sm:sr-only">
          <tr>
            {["When", "Who", "What", "Outcome", "Details"].map((title) => (
              <th key={title} scope="col" className="py-1.5 pr-4 font-medium">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line max-sm:block">
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
    <tr className="align-top max-sm:grid max-sm:grid-cols-[auto_1fr_auto] max-sm:gap-x-3 max-sm:gap-y-1 max-sm:py-3">
      <td className="whitespace-nowrap sm:py-2 sm:pr-4">
        <time dateTime={at} title={at}>
          {momentText(Date.parse(at), now)}
        </time>
      </td>
      <td className="wrap-break-word max-sm:min-w-0 sm:py-2 sm:pr-4">{actorText(actor)}</td>
      <td className="max-sm:order-1 max-sm:col-span-full sm:min-w-56 sm:py-2 sm:pr-4">
        <span className="font-mono">{action}</span>
        {target !== null && <span className="block wrap-anywhere text-muted">{target}</span>}
      </td>
      <td className={`sm:py-2 sm:pr-4 ${OUTCOME_CLASSES[outcome]}`}>{outcome}</td>
      <td className="wrap-anywhere text-muted max-sm:order-2 max-sm:col-span-full max-sm:empty:hidden sm:py-2">
        {[tookText(event), ...detailsText(event)].filter((text) => text !== "").join(" · ")}
      </td>
    </tr>
  );
}
