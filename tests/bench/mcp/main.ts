/** The benchmark of MCP calls: Luna next to the SDK's own example and FastMCP, with one tool and with a thousand. */
import { judge, type Verdict } from "../budgets.ts";
import { median } from "../measure.ts";
import { verdictTable } from "../report.ts";
import {
  FASTMCP_COST,
  GROWTH,
  MODERN_COST,
  MODERN_P99,
  MODERN_RATE,
  SESSION_P99,
  SESSION_RATE,
  THOUSAND_TOOLS,
} from "./budgets.ts";
import { serveExample } from "./example.ts";
import { startFastMcp } from "./fastmcp.ts";
import {
  type Arm,
  type Figures,
  manyCalls,
  manySessions,
  measureArms,
  measureGrowth,
  timesOf,
} from "./rounds.ts";
import { type LunaServed, startExample, startLunaWith } from "./subject.ts";

const ROUNDS = 7;
const CALLS = 2_000;
const TOOLS = 1_000;
/** In each half. */
const GROWTH_CALLS = 100_000;
const GROWTH_SESSIONS = 10_000;
const RUN_MS_MAX = 240_000;
/** Of the calls: it takes more than ten times as long. */
const FASTMCP_SHARE = 0.1;

const MODERN = "Luna, 2026-07-28, one tool";
const THOUSAND = "Luna, 2026-07-28, a thousand tools";
const SESSION = "Luna, session of 2025-11-25";
const EXAMPLE = "the SDK's McpServer, 2026-07-28, no login";
const FASTMCP = "FastMCP 4, 2026-07-28, no login";

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

function row(name: string, { cpuUs, p99Ms, eachMs }: Figures): string {
  const cells = [median(cpuUs).toFixed(0), p99Ms.toFixed(1), (1_000 / eachMs).toFixed(0)];
  return `  ${name.padEnd(44)}${cells.map((cell) => cell.padStart(12)).join("")}`;
}

/** Beside the others, where it is to be had. */
async function fastMcpArms(stops: (() => Promise<void>)[]): Promise<Record<string, Arm>> {
  const fastMcp = await startFastMcp();
  if (typeof fastMcp === "string") {
    tell(`FastMCP is not measured: ${fastMcp}`);
    return {};
  }
  stops.push(fastMcp.stop);
  const { pids, modern, session } = fastMcp;
  return {
    [FASTMCP]: { call: modern, pids, share: FASTMCP_SHARE },
    "FastMCP 4, session, no login": { call: session, pids, share: FASTMCP_SHARE },
  };
}

async function growth(one: LunaServed): Promise<number> {
  const calls = await measureGrowth(one, manyCalls(one, GROWTH_CALLS));
  const sessions = await measureGrowth(one, manySessions(one, GROWTH_SESSIONS));
  for (const [what, { beforeMb, afterMb }] of Object.entries({ calls, sessions })) {
    tell(
      `  Memory of the MCP service, ${what}: ${beforeMb.toFixed(1)}, then ${afterMb.toFixed(1)} MB`,
    );
  }
  return Math.max(calls.afterMb / calls.beforeMb, sessions.afterMb / sessions.beforeMb);
}

async function measure(stops: (() => Promise<void>)[]): Promise<Verdict[]> {
  const signal = AbortSignal.timeout(RUN_MS_MAX);
  const one = await startLunaWith(1);
  stops.push(one.stop);
  const many = await startLunaWith(TOOLS);
  stops.push(many.stop);
  const example = await startExample();
  stops.push(example.stop);
  const arms: Record<string, Arm> = {
    [MODERN]: { call: one.modern, pids: one.pids },
    [THOUSAND]: { call: many.modern, pids: many.pids },
    [EXAMPLE]: { call: example.modern, pids: example.pids },
    [SESSION]: { call: one.session, pids: one.pids },
    "the SDK's McpServer, session, no login": { call: example.session, pids: example.pids },
    ...(await fastMcpArms(stops)),
  };
  const figures = await measureArms(arms, { rounds: ROUNDS, calls: CALLS, signal });
  tell("MCP tools/call, 16 connections               CPU µs      p99 ms       per s");
  for (const [name, found] of Object.entries(figures)) tell(row(name, found));
  const of = (name: string): Figures => figures[name] ?? { cpuUs: [], p99Ms: NaN, eachMs: NaN };
  const times = (arm: string, base: string) => median(timesOf(of(arm), of(base)));
  return [
    judge(MODERN_COST, times(MODERN, EXAMPLE)),
    ...(FASTMCP in figures ? [judge(FASTMCP_COST, times(MODERN, FASTMCP))] : []),
    judge(THOUSAND_TOOLS, times(THOUSAND, MODERN)),
    judge(MODERN_RATE, of(MODERN).eachMs),
    judge(MODERN_P99, of(MODERN).p99Ms),
    judge(SESSION_RATE, of(SESSION).eachMs),
    judge(SESSION_P99, of(SESSION).p99Ms),
    judge(GROWTH, await growth(one)),
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
