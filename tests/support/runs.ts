/** Runs of a started Luna: begun over the control API and watched to their end. */
import { RunEvents, RunView } from "../../src/contract/run.ts";
import type { Luna } from "./start-luna.ts";
import { until } from "./until.ts";

const RUN_TIMEOUT_MS = 60_000;

export async function postJson(luna: Luna, path: string, body?: unknown): Promise<Response> {
  return luna.control(path, {
    method: "POST",
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
}

/** The run once it has ended; also one that a further supervisor goes on with. */
export function endOf(luna: Luna, id: string): Promise<RunView> {
  return until(
    async () => {
      const answer = await luna.control(`/runs/${id}`);
      const view = RunView.parse(await answer.json());
      return view.ended_at === null ? undefined : view;
    },
    { timeoutMs: RUN_TIMEOUT_MS, what: `the end of the run ${id}` },
  );
}

/** Begins a run of the operations; answers with its id. */
async function begin(luna: Luna, operations: readonly unknown[]): Promise<string> {
  const answer = await postJson(luna, "/queue/apply", { operations });
  const body = await answer.json();
  if (answer.status !== 202) throw new Error(`No run began: ${JSON.stringify(body)}`);
  return body.run_id;
}

export async function apply(luna: Luna, operations: readonly unknown[]): Promise<RunView> {
  return endOf(luna, await begin(luna, operations));
}

export async function eventsOf(luna: Luna, id: string): Promise<RunEvents["events"]> {
  return RunEvents.parse(await (await luna.control(`/runs/${id}/events`)).json()).events;
}
