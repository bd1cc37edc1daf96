/** `luna runs [<id>] [-f]`: what was changed when, and one run step by step, also while it is under way. */
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import { type RunState, RunView } from "../contract/run.ts";
import { NotFoundError } from "../lib/errors.ts";
import { askedToStop } from "../lib/stop.ts";
import { readArguments } from "./arguments.ts";
import { followRun } from "./changes/follow-run.ts";
import { Control } from "./control.ts";
import { table } from "./table.ts";
import { USAGE } from "./usage.ts";
import { writeOut } from "./write-out.ts";

const FLAG = { type: "boolean", default: false } as const;
const RunList = z.object({ runs: z.array(RunView) });
/** Ends of ids tell runs apart: their beginnings are the time. */
const ID_END = 8;

function listText(runs: readonly RunView[]): string {
  if (runs.length === 0) return "Nothing was changed yet.";
  const rows = runs.map(({ id, state, by, started_at, units }) => [
    id,
    state,
    started_at,
    by,
    units.map(({ operation: { type, target } }) => `${type} ${target}`).join(", "),
  ]);
  return table([["RUN", "STATE", "STARTED", "BY", "CHANGES"], ...rows]);
}

function find(runs: readonly RunView[], word: string): RunView {
  if (word === "last" && runs[0] !== undefined) return runs[0];
  const found = runs.filter(
    ({ id }) => id === word || (word.length >= ID_END && id.endsWith(word)),
  );
  if (found[0] !== undefined && found.length === 1) return found[0];
  throw new NotFoundError(`Cannot find the run "${word}": "luna runs" lists them`);
}

function codeOf(state: RunState): number {
  return state === "failed" || state === "rolled_back" ? 1 : 0;
}

export async function runs(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: USAGE.runs,
    options: { follow: { ...FLAG, short: "f" }, json: FLAG },
    words: { min: 0, max: 1 },
  });
  const control = await Control.of(environment);
  const { runs: all } = await control.ask("/runs", RunList);
  const [word] = positionals;
  if (word === undefined && !values.follow) {
    const text = values.json ? JSON.stringify({ runs: all }, null, 2) : listText(all);
    await writeOut(`${text}\n`);
    return 0;
  }
  const run = find(all, word ?? "last");
  if (!values.follow && values.json) {
    await writeOut(`${JSON.stringify(run, null, 2)}\n`);
    return codeOf(run.state);
  }
  const ending = new AbortController();
  // Without -f, what has happened so far is all.
  if (values.follow) void askedToStop().then(() => ending.abort());
  const isJson = values.json;
  const state = await followRun(control, run.id, {
    ...{ isJson, signal: ending.signal, isOnce: !values.follow },
  });
  return codeOf(state);
}
