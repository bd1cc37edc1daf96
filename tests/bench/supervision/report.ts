/** The figures of the supervision benchmark, as a table for people. */

/** A crash loop of a child that fails at once. */
export interface Loop {
  /** How often the child was started again. */
  starts: number;
  /** Processor time of the supervising processes. */
  cpuMs: number;
}

export interface Figures {
  name: string;
  recoveryMs: number;
  recoveryP95Ms: number;
  /** False for an arm that has no process of its own. */
  isWatched: boolean;
  pssMb: number;
  idlePercent: number;
  loop: Loop | undefined;
}

const NAME_WIDTH = 16;
const CELL_WIDTH = 13;
const TITLES = [
  ["recovery", "median ms"],
  ["recovery", "p95 ms"],
  ["memory", "PSS MB"],
  ["idle", "% of a core"],
  ["crash loop", "starts"],
  ["crash loop", "CPU ms"],
] as const;

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join("")}`;
}

export function figuresTable(figures: readonly Figures[], loopMs: number): string {
  const heads = [0, 1].map((line) =>
    row(
      line === 0 ? `(crash: ${loopMs / 1_000} s)` : "",
      TITLES.map((title) => title[line] ?? ""),
    ),
  );
  const lines = figures.map(({ name, loop, isWatched, ...one }) =>
    row(name, [
      one.recoveryMs.toFixed(1),
      one.recoveryP95Ms.toFixed(1),
      isWatched ? one.pssMb.toFixed(1) : "–",
      isWatched ? one.idlePercent.toFixed(2) : "–",
      ...(loop === undefined ? ["–", "–"] : [String(loop.starts), loop.cpuMs.toFixed(1)]),
    ]),
  );
  return ["", ...heads, ...lines].join("\n");
}
