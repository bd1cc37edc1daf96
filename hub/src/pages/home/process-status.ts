/** What the state of a process is called, and how it is meant. */
import type { ProcessState, ProcessView } from "../../../../src/contract/process.ts";

export type Tone = "good" | "busy" | "warn" | "bad" | "off";

export interface ProcessStatus {
  word: string;
  tone: Tone;
  /** Stands behind the word: "in 8 s". */
  detail: string | undefined;
}

const STATUSES: Record<ProcessState, { word: string; tone: Tone }> = {
  stopped: { word: "Stopped", tone: "off" },
  starting: { word: "Starting", tone: "busy" },
  running: { word: "Running", tone: "good" },
  backoff: { word: "Restarting", tone: "warn" },
  stopping: { word: "Stopping", tone: "busy" },
  exited: { word: "Exited", tone: "off" },
  fatal: { word: "Failed", tone: "bad" },
};

type Shown = Pick<ProcessView, "status" | "health" | "kind" | "next_start_at">;

export function statusOf(process: Shown, now: number): ProcessStatus {
  if (process.status === "running" && process.health === "unhealthy") {
    return { word: "Unhealthy", tone: "warn", detail: undefined };
  }
  const isAsleep = process.status === "stopped" || process.status === "exited";
  if (process.kind === "tool-host" && isAsleep) {
    return { word: "Idle", tone: "off", detail: "· starts with its next call" };
  }
  return { ...STATUSES[process.status], detail: waitText(process, now) };
}

function waitText(process: Shown, now: number): string | undefined {
  if (process.status !== "backoff" || process.next_start_at === null) return undefined;
  const seconds = Math.ceil((Date.parse(process.next_start_at) - now) / 1000);
  return seconds > 0 ? `in ${seconds} s` : undefined;
}
