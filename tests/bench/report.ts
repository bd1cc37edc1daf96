/** Puts the figures into tables for people. */
import type { Verdict } from "./budgets.ts";
import { median } from "./measure.ts";
import type { Memory } from "./memory.ts";
import { type Arm, addedMs, type Figures } from "./rounds.ts";
import type { Start } from "./start.ts";

const NAME_WIDTH = 50;
const CELL_WIDTH = 12;

/** One line: a name, then cells that stand under each other. */
function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join("")}`;
}

function heading(title: string, cells: readonly string[]): string {
  return `\n${row(title, cells).slice(2, NAME_WIDTH + 2)}  ${row("", cells).slice(NAME_WIDTH + 2)}`;
}

export function startTable(starts: readonly { first: Start; next: Start }[]): string {
  const line = (name: string, of: readonly Start[]): string => {
    const ready = of.map(({ readyMs }) => readyMs);
    const figures = [
      Math.min(...ready),
      median(ready),
      Math.max(...ready),
      median(of.map(({ stopMs }) => stopMs)),
      median(of.map(({ cpuMs }) => cpuMs)),
    ];
    return row(
      name,
      figures.map((figure) => figure.toFixed(0)),
    );
  };
  return [
    heading("Start to ready, ms", ["min", "median", "max", "stop", "CPU, all"]),
    line(
      "new home",
      starts.map(({ first }) => first),
    ),
    line(
      "the same home again",
      starts.map(({ next }) => next),
    ),
  ].join("\n");
}

export function installTable(times: readonly number[]): string {
  const figures = [Math.min(...times), median(times), Math.max(...times)];
  return [
    heading("From a zip to a tool that is called, ms", ["min", "median", "max"]),
    row(
      "the starter, by a client that was connected",
      figures.map((figure) => figure.toFixed(0)),
    ),
  ].join("\n");
}

/** Memory at several moments, by part. */
export function memoryTable(moments: Readonly<Record<string, Memory>>): string {
  const all = Object.values(moments);
  const names = new Set(all.flatMap(({ parts }) => [...parts.keys()]));
  const lines = [...names].map((name) =>
    row(
      name === "up" ? "up (bootstrap)" : name,
      all.map(({ parts }) => parts.get(name)?.toFixed(1) ?? "–"),
    ),
  );
  const core = all.map(({ coreMb }) => coreMb.toFixed(1));
  const titles = Object.keys(moments);
  return [
    heading("Memory, MB (PSS)", titles),
    ...lines,
    row("core: all but caddy and tool hosts", core),
  ].join("\n");
}

export interface Section<Name extends string> {
  title: string;
  /** An arm, and the arm that it is compared with. */
  rows: readonly (readonly [Name] | readonly [Name, Name])[];
}

interface ArmTable<Name extends string> {
  arms: Readonly<Record<Name, Arm>>;
  figures: Readonly<Record<Name, Figures>>;
}

export function armTable<Name extends string>(
  { title, rows }: Section<Name>,
  { arms, figures }: ArmTable<Name>,
): string {
  const lines = rows.map(([name, base]) => {
    const { cpuUs, p50Ms, p99Ms } = figures[name];
    const cells = [cpuUs.toFixed(0), p50Ms.toFixed(3), p99Ms.toFixed(3)];
    if (base !== undefined) {
      const against = figures[base];
      cells.splice(1, 0, `${(cpuUs / against.cpuUs).toFixed(1)} x`);
      cells.push(median(addedMs(figures[name], against)).toFixed(3));
    } else cells.splice(1, 0, "");
    return row(arms[name].name, cells);
  });
  const titles = ["CPU µs", "", "p50 ms", "p99 ms", "added p50"];
  return [heading(title, titles), ...lines].join("\n");
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ promise, value, limit, unit, kept }) => {
    const digits = value < 10 ? 2 : 0;
    return `  ${kept ? "pass" : "FAIL"}  ${promise}: ${value.toFixed(digits)} ${unit}, to be under ${Number(limit.toFixed(3))} ${unit}`;
  });
  return ["\nBudgets", ...lines].join("\n");
}
