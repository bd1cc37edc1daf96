/** An audit log that does not keep up: what waits is kept up to a bound, and lost beyond it. */
import { SPOOL_BYTES_MAX, spoolBytes, unreadableIn } from "../../audit/spool.ts";
import type { Finding } from "../problems.ts";
import { sizeText } from "./disk.ts";

/** Far more than waits between two looks, and far less than is lost. */
const BEHIND_BYTES = 8 * 1024 * 1024;

export function auditProblems(folder: string): Finding[] {
  return [...backlog(folder), ...unreadable(folder)];
}

function backlog(folder: string): Finding[] {
  const bytes = spoolBytes(folder);
  if (bytes < BEHIND_BYTES) return [];
  const isFull = bytes >= SPOOL_BYTES_MAX;
  const most = sizeText(SPOOL_BYTES_MAX);
  return [
    {
      id: "audit-spool",
      severity: isFull ? "error" : "warning",
      title: isFull
        ? "Events are missing from the audit log"
        : `The audit log is behind: ${sizeText(bytes)} of events wait`,
      detail: `Events wait in "${folder}" until sign-in takes them into the database; with ${most} waiting, what comes further is counted and not kept.`,
      fix: "See why it does not: luna logs auth --level warn. It goes on by itself once the database can be written.",
    },
  ];
}

function unreadable(folder: string): Finding[] {
  const [first, ...more] = unreadableIn(folder);
  if (first === undefined) return [];
  return [
    {
      id: "audit-unreadable",
      severity: "warning",
      title: "Some lines that waited for the audit log are no events",
      detail: `They were kept in ${[first, ...more].map((path) => `"${path}"`).join(", ")}.`,
      fix: "Look what is in there; a disk that fails writes such lines. Then remove the file.",
    },
  ];
}
