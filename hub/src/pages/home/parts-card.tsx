/** Every process of Luna, live: what it is called, where it is, and how it is. */
import type { Overview, ProcessView } from "../../../../src/contract/process.ts";
import { momentText, useNow } from "../../lib/time.ts";
import { Card } from "../../ui/card.tsx";
import { statusOf } from "./process-status.ts";
import { RestartButton } from "./restart-button.tsx";
import { StatusMark } from "./status-mark.tsx";

const COUNTDOWN_TICK_MS = 250;
const MEGABYTE = 1024 ** 2;

export function PartsCard({ overview }: { overview: Overview }) {
  const isWaiting = overview.processes.some(({ status }) => status === "backoff");
  const now = useNow(isWaiting ? COUNTDOWN_TICK_MS : null);
  return (
    <Card title="Health">
      <ul className="divide-y divide-line">
        {overview.processes.map((process) => (
          <li
            key={process.name}
            data-process={process.name}
            className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 py-2.5 sm:gap-y-0 first:pt-0 last:pb-0"
          >
            <h3 className="font-medium sm:self-end">
              <PartName process={process} />
            </h3>
            <div className="flex items-center gap-3 sm:row-span-2">
              <StatusMark status={statusOf(process, now)} />
              <RestartButton process={process} />
            </div>
            <p className="text-xs text-muted max-sm:col-span-full sm:self-start">
              {factsOf(process, overview).join(" · ")}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** An extension's UI is a link to the page around it: another document, as the page token is not in it. */
function PartName({ process: { kind, label, path } }: { process: ProcessView }) {
  const extension = kind === "ui" ? /^\/ext\/([^/]+)\//.exec(path ?? "")?.[1] : undefined;
  if (extension === undefined) return label;
  return (
    <a href={`/apps/${extension}`} className="text-accent underline">
      {label}
    </a>
  );
}

function factsOf(process: ProcessView, overview: Overview): string[] {
  const facts: string[] = [];
  if (process.path !== null) facts.push(process.path);
  if (process.name === "mcp") facts.push(counted(overview.tool_count, "tool"));
  if (process.name === "agent") {
    const { configured, name } = overview.model;
    facts.push(configured ? `model ${name ?? "chosen by each request"}` : "no model yet");
  }
  if (process.kind === "tool-host") facts.push("tools of an extension");
  if (process.restarts > 0) facts.push(counted(process.restarts, "restart"));
  if (process.status === "running" && process.started_at !== null) {
    facts.push(`since ${momentText(Date.parse(process.started_at), Date.now())}`);
  }
  if (process.memory_bytes !== undefined) {
    facts.push(`${Math.round(process.memory_bytes / MEGABYTE)} MB`);
  }
  if (process.cpu_percent !== undefined) facts.push(`${process.cpu_percent.toFixed(1)} % CPU`);
  if (process.status !== "running" && process.last_exit !== null) {
    facts.push(`last ended with ${process.last_exit}`);
  }
  return facts;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
