/** The benchmark of MCP calls: Luna next to the SDK's own example, with one tool and with a thousand. */
import { judge, type Verdict } from "../budgets.ts";
import { median } from "../measure.ts";
import { verdictTable } from "../report.ts";
import { GROWTH, MODERN_COST, MODERN_P99, SESSION_P99, THOUSAND_TOOLS } from "./budgets.ts";
import { serveExample } from "./example.ts";
import {
  type Figures,
  manyCalls,
  manySessions,
  measureArms,
  measureGrowth,
  timesOf,
} from "./rounds.ts";
import { startExample, startLunaWith } from "./subject.ts";

const ROUNDS = 7;
const CALLS = 2_000;
const TOOLS = 1_000;
/** In each half. */
const GROWTH_CALLS = 100_000;
const GROWTH_SESSIONS = 10_000;
const RUN_MS_MAX = 240_000;

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

function row(name: string, { cpuUs, p99Ms, perSecond }: Figures): string {
  const cells = [median(cpuUs).toFixed(0), p99Ms.toFixed(1), perSecond.toFixed(0)];
  return `  ${name.padEnd(44)}${cells.map((cell) => cell.padStart(12)).join("")}`;
}

async function measure(stops: (() => Promise<void>)[]): Promise<Verdict[]> {
  const signal = AbortSignal.timeout(RUN_MS_MAX);
  const one = await startLunaWith(1);
  stops.push(one.stop);
  const many = await startLunaWith(TOOLS);
  stops.push(many.stop);
  const example = await startExample();
  stops.push(example.stop);
  const figures = await measureArms(
    {
      "Luna, 2026-07-28, one tool": { call: one.modern, pids: one.pids },
      "Luna, 2026-07-28, a thousand tools": { call: many.modern, pids: many.pids },
      "the SDK's McpServer, 2026-07-28, no login": { call: example.modern, pids: example.pids },
      "Luna, session of 2025-11-25": { call: one.session, pids: one.pids },
      "the SDK's McpServer, session, no login": { call: example.session, pids: example.pids },
    },
    { rounds: ROUNDS, calls: CALLS, signal },
  );
  tell("MCP tools/call, 16 connections               CPU µs      p99 ms       per s");
  for (const [name, found] of Object.entries<Figures>(figures)) tell(row(name, found));
  tell("  FastMCP is not measured here: it needs Python and its packages.");
  const modern = figures["Luna, 2026-07-28, one tool"];
  const base = figures["the SDK's McpServer, 2026-07-28, no login"];
  const thousand = figures["Luna, 2026-07-28, a thousand tools"];
  const calls = await measureGrowth(one, manyCalls(one, GROWTH_CALLS));
  const sessions = await measureGrowth(one, manySessions(one, GROWTH_SESSIONS));
  for (const [what, { beforeMb, afterMb }] of Object.entries({ calls, sessions })) {
    tell(
      `  Memory of the MCP service, ${what}: ${beforeMb.toFixed(1)}, then ${afterMb.toFixed(1)} MB`,
    );
  }
  return [
    judge(MODERN_COST, median(timesOf(modern, base))),
    judge(THOUSAND_TOOLS, median(timesOf(thousand, modern))),
    judge(MODERN_P99, modern.p99Ms),
    judge(SESSION_P99, figures["Luna, session of 2025-11-25"].p99Ms),
    judge(GROWTH, Math.max(calls.afterMb / calls.beforeMb, sessions.afterMb / sessions.beforeMb)),
  ];
}

/** @returns the exit code: 1 when a budget is missed */
async function bench(): Promise<number> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const verdicts = await measure(stops);
    tell(verdictTable(verdicts));
    return verdicts.every(({ kept }) => kept) ? 0 : 1;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

if (process.argv[2] === "example") {
  tell(serveExample());
  await Bun.stdin.text();
  process.exit(0);
}
process.exit(await bench());
