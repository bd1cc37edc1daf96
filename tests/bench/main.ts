/** The benchmark: Luna's figures next to what each is compared with, and whether Luna keeps its budgets. */
import { availableParallelism, loadavg } from "node:os";
import { VERSION } from "../../src/config/version.ts";
import { chatArms, pageArms, requestArms, streamArms, toolArms } from "./arms.ts";
import {
  CALLABLE,
  CHAT_ADDED,
  CORE_MEMORY,
  FIRST_TOKEN,
  FLOOD_SLOWS,
  judge,
  READY,
  TOOL_HOST_ADDED,
  VERIFY_ADDED,
  type Verdict,
} from "./budgets.ts";
import { floodSummary, floodUntilParentEnds, measureFlood, slowedTimes } from "./flood.ts";
import { measureInstalls } from "./installs.ts";
import { median } from "./measure.ts";
import { type Memory, measureMemory } from "./memory.ts";
import {
  armTable,
  installTable,
  memoryTable,
  type Section,
  startTable,
  verdictTable,
} from "./report.ts";
import { addedMs, type Figures, runRounds } from "./rounds.ts";
import { serveUntilParentEnds } from "./servers.ts";
import { measureStarts, type Start } from "./start.ts";
import { prepareTools, type Subject, startSubject } from "./subject.ts";

const STARTS = 5;
const INSTALLS = 5;
const ROUNDS = 5;
const FLOOD_REQUESTS = 500;
const RUN_MS_MAX = 120_000;

function allArms(subject: Subject) {
  return {
    ...toolArms(subject),
    ...requestArms(subject),
    ...pageArms(subject),
    ...chatArms(subject),
    ...streamArms(subject),
  };
}
type Arms = ReturnType<typeof allArms>;

const SECTIONS: readonly Section<keyof Arms>[] = [
  {
    title: "Tool call (a search in notes)",
    rows: [
      ["toolInProcess"],
      ["toolInHost", "toolInProcess"],
      ["toolByMcp", "toolInProcess"],
      ["toolByMcpAndEdge", "toolInProcess"],
      ["toolByModel"],
      ["toolByAgent", "toolByModel"],
    ],
  },
  {
    title: "Next to a bare Bun.serve",
    rows: [
      ["bare"],
      ["models", "bare"],
      ["modelsByEdge", "bare"],
      ["toolByMcp", "bare"],
      ["toolByMcpAndEdge", "bare"],
    ],
  },
  {
    title: "A page of the Hub",
    rows: [["pageOfAnybody"], ["pageOfOwner", "pageOfAnybody"]],
  },
  {
    title: "Chat without tools",
    rows: [["chatByModel"], ["chatByAgent", "chatByModel"], ["chatByEdge", "chatByModel"]],
  },
  {
    title: "Stream: first token, after the request",
    rows: [
      ["streamByModel"],
      ["streamByAgent", "streamByModel"],
      ["streamByEdge", "streamByModel"],
    ],
  },
  {
    title: "Stream: first token, after the model sent it",
    rows: [["tokenByModel"], ["tokenByAgent", "tokenByModel"], ["tokenByEdge", "tokenByModel"]],
  },
];

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Starts and measures Luna again and again, each time in a new home. */
async function runStarts(signal: AbortSignal): Promise<Verdict> {
  const starts: { first: Start; next: Start }[] = [];
  for (let start = 0; start < STARTS; start += 1) starts.push(await measureStarts(signal));
  tell(startTable(starts));
  const first = median(starts.map((one) => one.first.readyMs));
  const next = median(starts.map((one) => one.next.readyMs));
  return judge(READY, Math.max(first, next));
}

function verdictsOf(
  figures: Readonly<Record<keyof Arms, Figures>>,
  memory: readonly Memory[],
): Verdict[] {
  return [
    judge(CORE_MEMORY, Math.max(...memory.map(({ coreMb }) => coreMb))),
    judge(CHAT_ADDED, median(addedMs(figures.chatByEdge, figures.chatByModel))),
    judge(TOOL_HOST_ADDED, median(addedMs(figures.toolInHost, figures.toolInProcess))),
    judge(FIRST_TOKEN, figures.tokenByEdge.p50Ms),
    judge(VERIFY_ADDED, median(addedMs(figures.pageOfOwner, figures.pageOfAnybody))),
  ];
}

async function runArms(subject: Subject, signal: AbortSignal): Promise<Verdict[]> {
  const arms = allArms(subject);
  const started = await measureMemory(subject.luna);
  await prepareTools(subject);
  await arms.chatByAgent.call();
  const used = await measureMemory(subject.luna);
  const figures = await runRounds(arms, { count: ROUNDS, signal });
  const worked = await measureMemory(subject.luna);
  tell(memoryTable({ "at start": started, "chat + tool": used, "after all": worked }));
  for (const section of SECTIONS) tell(armTable(section, { arms, figures }));
  const flood = await measureFlood(subject, { rounds: ROUNDS, requests: FLOOD_REQUESTS, signal });
  tell(floodSummary(flood));
  const installs = await measureInstalls(subject, INSTALLS);
  tell(installTable(installs));
  return [
    ...verdictsOf(figures, [started, used, worked]),
    judge(CALLABLE, median(installs)),
    judge(FLOOD_SLOWS, median(slowedTimes(flood))),
  ];
}

/** @returns the exit code: 1 when a budget is missed */
async function bench(): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () =>
      interrupted.abort(new Error(`The benchmark was ended by ${signal}`)),
    );
  }
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(RUN_MS_MAX)]);
  const load = loadavg()[0]?.toFixed(1);
  tell(`Luna ${VERSION}, Bun ${Bun.version}, ${availableParallelism()} processors, load ${load}`);
  tell(
    `Medians of ${ROUNDS} interleaved rounds. CPU: whole process tree, without the load generator.`,
  );
  tell("Compare CPU; wall-clock figures depend on what else this machine does.");
  const verdicts = [await runStarts(signal)];
  const subject = await startSubject();
  try {
    verdicts.push(...(await runArms(subject, signal)));
  } finally {
    await subject.stop();
  }
  tell(verdictTable(verdicts));
  return verdicts.every(({ kept }) => kept) ? 0 : 1;
}

const [kind, port] = process.argv.slice(2);
if (kind === "model" || kind === "bare") await serveUntilParentEnds(kind);
if (kind === "flood") await floodUntilParentEnds(Number(port));
process.exitCode = await bench();
