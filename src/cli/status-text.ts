/** What `luna status` prints for people: a line a process, then what needs them. */
import type { Overview, ProcessView } from "../contract/process.ts";
import { STATUS_WORDS } from "./status-block.ts";

const MEGABYTE = 1024 ** 2;
const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** "3 d", "2 h", "5 min", "12 s". */
export function ageText(seconds: number): string {
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

function sinceText(view: ProcessView, now: number): string {
  if (view.status !== "running") return view.status;
  return view.started_at === null ? "" : ageText((now - Date.parse(view.started_at)) / 1000);
}

function cellsOf(view: ProcessView, publicUrl: string, now: number): string[] {
  const { cpu_percent: cpu, memory_bytes: memory, path } = view;
  return [
    STATUS_WORDS[view.status],
    view.name,
    view.label,
    sinceText(view, now),
    String(view.restarts),
    cpu === undefined ? "" : `${cpu.toFixed(1)} %`,
    memory === undefined ? "" : `${Math.round(memory / MEGABYTE)} MB`,
    view.status === "running" || view.last_exit === null
      ? `${path === null ? "" : publicUrl}${path === null || path === "/" ? "" : path}`
      : view.last_exit,
  ];
}

const HEADER = ["", "id", "part", "since", "restarts", "cpu", "memory", "address"];
/** Numbers end below each other. */
const RIGHT = new Set([4, 5, 6]);

/** @param now ms */
export function statusText(overview: Overview, now: number): string {
  const rows = [
    HEADER,
    ...overview.processes.map((view) => cellsOf(view, overview.public_url, now)),
  ];
  const widths = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const problems = overview.problems.map(({ title, fix }) => `\n${title}\n  ${fix}\n`);
  const head = `Luna ${overview.version}  ${overview.phase}  ${overview.public_url}\n`;
  return `${head}${lines.map((line) => `  ${line}\n`).join("")}${problems.join("")}`;
}
