/** `luna start|stop|restart <id>`: does that to one process, and tells how it ended. */
import type { Environment } from "../config/environment.ts";
import type { Overview, ProcessView } from "../contract/process.ts";
import { InvalidInputError, NotFoundError, UnavailableError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Control, type ServiceAction } from "./control.ts";
import { USAGE } from "./usage.ts";

/** Longer than a start may take by default. */
const PATIENCE_MS = 30_000;
const POLL_MS = 30;

function idIn(args: string[], action: ServiceAction): string {
  const [id = ""] = readArguments(args, {
    usage: USAGE[action],
    options: {},
    words: { min: 1, max: 1 },
  }).positionals;
  if (id === "supervisor") {
    throw new InvalidInputError(
      `Cannot ${action} "supervisor": it is Luna itself; use "luna up" and "luna down"`,
    );
  }
  return id;
}

function find(overview: Overview, id: string): ProcessView {
  const views = overview.processes.filter(({ kind }) => kind !== "supervisor");
  const view = views.find(({ name }) => name === id);
  if (view !== undefined) return view;
  const names = views.map(({ name }) => name).join(", ");
  throw new NotFoundError(`Cannot find "${id}": there are ${names}`);
}

/** Whether it is where it will stay for now: for a restart not the run from before. */
function isSettled(view: ProcessView, previousPid: number | null): boolean {
  if (view.status === "running") return view.pid !== previousPid;
  return view.status === "fatal" || view.status === "backoff" || view.status === "exited";
}

async function untilSettled(
  control: Control,
  id: string,
  previousPid: number | null,
): Promise<ProcessView> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const view = find(await control.overview(), id);
    if (isSettled(view, previousPid) || Date.now() > deadline) return view;
    await Bun.sleep(POLL_MS);
  }
}

function tell(view: ProcessView, action: ServiceAction): void {
  if (view.status === "running") {
    const time = view.ready_ms === null ? "" : `, ready in ${Math.round(view.ready_ms)} ms`;
    process.stdout.write(`${view.label} runs (pid ${view.pid}${time})\n`);
    return;
  }
  const why = view.last_exit === null ? view.status : `${view.status}, ${view.last_exit}`;
  throw new UnavailableError(
    `Cannot ${action} "${view.name}": it is ${why}; see logs/${view.name}.log`,
  );
}

async function act(environment: Environment, args: string[], action: ServiceAction) {
  const id = idIn(args, action);
  const control = await Control.of(environment);
  const before = find(await control.overview(), id);
  await control.act(id, action);
  if (action === "stop") {
    process.stdout.write(`${before.label} is stopped\n`);
    return 0;
  }
  tell(await untilSettled(control, id, action === "restart" ? before.pid : null), action);
  return 0;
}

export function start(environment: Environment, args: string[]): Promise<number> {
  return act(environment, args, "start");
}

export function stop(environment: Environment, args: string[]): Promise<number> {
  return act(environment, args, "stop");
}

export function restart(environment: Environment, args: string[]): Promise<number> {
  return act(environment, args, "restart");
}
