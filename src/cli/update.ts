/** `luna update`: whether there is a newer Luna, and bringing it in; what does not work is taken back by itself. */
import type { Environment } from "../config/environment.ts";
import { CoreUpdates } from "../contract/core-update.ts";
import { readArguments } from "./arguments.ts";
import { applyChanges } from "./changes/apply.ts";
import { Control } from "./control.ts";
import { USAGE } from "./usage.ts";

const FLAG = { type: "boolean", default: false } as const;
/** Asks GitHub. */
const CHECK_TIMEOUT_MS = 60_000;

function checkText({ current, remote, update_available, refusal }: CoreUpdates): string {
  const here = `Luna ${current.version} runs.`;
  if (remote === null) return here;
  if (!update_available) return `${here} There is no newer one.`;
  const notes = remote.notes.trim() === "" ? "" : `\n\n${remote.notes.trim()}\n`;
  const next = refusal === null ? '\nBring it in with "luna update".' : "";
  return `${here} There is ${remote.version}.${notes}${next}`;
}

/** @returns 0 when all is well, 1 when an update is not possible or did not work */
export async function update(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: USAGE.update,
    options: { check: FLAG, yes: { ...FLAG, short: "y" }, json: FLAG },
    words: { min: 0, max: 1 },
  });
  const control = await Control.of(environment);
  const found = await control.ask("/core/check-updates", CoreUpdates, {
    ...{ method: "POST", timeoutMs: CHECK_TIMEOUT_MS },
  });
  const [target_version = "latest"] = positionals;
  if (values.check && values.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else if (!values.json) process.stdout.write(`${checkText(found)}\n`);
  if (found.refusal !== null) {
    process.stderr.write(`${found.refusal}\n`);
    return 1;
  }
  if (values.check) return 0;
  if (target_version === "latest" && !found.update_available) return 0;
  const { yes: isSure, json: isJson } = values;
  const operation = { type: "update_core" as const, target_version };
  return applyChanges(control, [operation], { isSure, isJson });
}
