/** The start and the stop of everything that the supervisor runs. */
import type { Deployment } from "../caddy/address.ts";
import { findCaddy } from "../caddy/program.ts";
import { isOfHome, processMark } from "../config/mark.ts";
import type { Paths } from "../config/paths.ts";
import { CoreServiceName } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import { caddySpec, prepareCaddy } from "./caddy-process.ts";
import { coreServiceSpec, type SpecContext } from "./core-services.ts";
import { endMarked } from "./process/child.ts";
import type { ProcessTable } from "./process/process-table.ts";
import { stopSteps } from "./stop-order.ts";

/** A part that is not ready by then is a problem on Home, and no reason to hold up the rest. */
const START_TIMEOUT_MS = 60_000;
/** What is under way when Luna stops has this long before anything behind the way in is told to end. */
const DRAIN_MS = 700;
/** Longer than all the others need, which end their streams themselves. */
const ENTRY_GRACE_MS = 6_000;
/** The bootstrap's name for this process. */
const SUPERVISOR = "supervisor";

/** Starts the core services and Caddy together: none of them needs another one to start. */
export async function startCore(options: {
  context: SpecContext;
  deployment: Deployment;
  processes: ProcessTable;
  note(text: string): void;
}): Promise<void> {
  const { context, deployment, processes, note } = options;
  const services = CoreServiceName.options.map((name) =>
    processes.add(coreServiceSpec(name, context, deployment)),
  );
  for (const service of services) processes.startUnlessStopped(service);
  const program = findCaddy(context);
  // That it is not there is told as a problem for as long as it is so.
  if (program === undefined) return;
  const caddy = processes.add(caddySpec(program, context));
  try {
    await prepareCaddy({ program, deployment, context, isRunning: caddy.pid !== null });
  } catch (error) {
    note(messageOf(error));
  }
  processes.startUnlessStopped(caddy);
  await Promise.all([caddy, ...services].map((one) => one.settled(START_TIMEOUT_MS)));
}

/**
 * Ends what an earlier supervisor ran and this one does not know.
 * @param isOfService whether a mark is that of an external service that should run
 */
export async function endUnwanted(
  processes: ProcessTable,
  paths: Paths,
  isOfService: (mark: string) => boolean,
): Promise<void> {
  const isOurs = isOfHome(paths.home);
  const own = processMark(paths.home, SUPERVISOR);
  // Looked up each time: a tool host may be started meanwhile.
  const isWanted = (mark: string): boolean =>
    mark === own || isOfService(mark) || processes.all().some(({ spec }) => spec.mark === mark);
  await endMarked((mark) => isOurs(mark) && !isWanted(mark));
}

/** Ends everything in the order of `stopSteps`; the reporting process goes last, after this. */
export async function stopAll(processes: ProcessTable): Promise<void> {
  const [entry, ...rest] = stopSteps(processes.all(), ({ spec }) => spec.kind);
  // Nothing is started any more while others end.
  const waiting = processes.all().filter(({ state }) => state === "backoff");
  await Promise.all(waiting.map((one) => one.stop()));
  // From the first moment the way in takes nothing new. It goes on with what is under way, which needs the others.
  const isClosed = Promise.all(entry.map((one) => one.stop(ENTRY_GRACE_MS)));
  await Promise.race([isClosed, Bun.sleep(DRAIN_MS)]);
  for (const step of rest) await Promise.all(step.map((one) => one.stop()));
  await isClosed;
  await processes.flush();
}
