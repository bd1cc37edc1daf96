/** `luna ext update|remove|enable|disable`: each shows what it would do, asks, and is followed until it is done. */
import type { Environment } from "../../config/environment.ts";
import type { ExtensionView } from "../../contract/extension.ts";
import type { QueueOperation } from "../../contract/queue.ts";
import { didYouMean } from "../../lib/did-you-mean.ts";
import { NotFoundError } from "../../lib/errors.ts";
import { readArguments, UsageError } from "../arguments.ts";
import { applyChanges } from "../changes/apply.ts";
import { Control } from "../control.ts";
import { EXT_USAGE } from "../usage.ts";
import { installed } from "./installed.ts";

const FLAG = { type: "boolean", default: false } as const;
const HOW = { yes: { ...FLAG, short: "y" }, json: FLAG } as const;
const NAMES_MAX = 100;

/** @throws NotFoundError for a name that none has */
function required(all: readonly ExtensionView[], word: string): string {
  const names = all.map(({ name }) => name);
  if (names.includes(word)) return word;
  throw new NotFoundError(
    `Cannot find the extension "${word}": there are ${names.join(", ") || "none"}.${didYouMean(word, names)}`,
  );
}

export async function extUpdate(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.update,
    options: { ...HOW, all: FLAG },
    words: { min: 0, max: NAMES_MAX },
  });
  if (values.all === positionals.length > 0) {
    throw new UsageError(
      `Cannot run "luna ext update": give names, or --all\nUsage: ${EXT_USAGE.update}`,
    );
  }
  const control = await Control.of(environment);
  const all = await installed(control);
  const targets = values.all
    ? all.filter(({ source }) => source.startsWith("github:")).map(({ name }) => name)
    : positionals.map((word) => required(all, word));
  if (targets.length === 0) {
    process.stdout.write("None of them came from GitHub: there is nothing to update.\n");
    return 0;
  }
  const operations = targets.map((target): QueueOperation => ({ type: "update", target }));
  const { yes: isSure, json: isJson } = values;
  return applyChanges(control, operations, { isSure, isJson });
}

export async function extRemove(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.remove,
    options: { ...HOW, data: FLAG },
    words: { min: 1, max: 1 },
  });
  const control = await Control.of(environment);
  const target = required(await installed(control), positionals[0] ?? "");
  const { yes: isSure, json: isJson, data: remove_data } = values;
  return applyChanges(control, [{ type: "delete", target, remove_data }], { isSure, isJson });
}

async function turn(
  environment: Environment,
  { args, type }: { args: string[]; type: "enable" | "disable" },
): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE[type],
    options: { json: FLAG },
    words: { min: 1, max: 1 },
  });
  const control = await Control.of(environment);
  const target = required(await installed(control), positionals[0] ?? "");
  // It takes nothing away, and can be turned back: nobody is asked.
  return applyChanges(control, [{ type, target }], { isSure: true, isJson: values.json });
}

export function extEnable(environment: Environment, args: string[]): Promise<number> {
  return turn(environment, { args, type: "enable" });
}

export function extDisable(environment: Environment, args: string[]): Promise<number> {
  return turn(environment, { args, type: "disable" });
}
