/** `luna ext add`: installs an extension, or another version of one that is there, from wherever it lies. */
import type { Environment } from "../../config/environment.ts";
import type { QueueOperation } from "../../contract/queue.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { readArguments } from "../arguments.ts";
import { applyChanges } from "../changes/apply.ts";
import { Control } from "../control.ts";
import { EXT_USAGE } from "../usage.ts";
import { readExtensionName } from "./extension-name.ts";
import { installed } from "./installed.ts";
import { chooseSource } from "./source.ts";

const FLAG = { type: "boolean", default: false } as const;
const HOW = { yes: { ...FLAG, short: "y" }, json: FLAG } as const;

export async function extAdd(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.add,
    options: { ...HOW, name: { type: "string" }, disabled: FLAG, "trust-scripts": FLAG },
    words: { min: 1, max: 1 },
  });
  const control = await Control.of(environment);
  const { source, name } = await chooseSource(control, positionals[0] ?? "");
  const wanted = values.name ?? name;
  if (wanted === undefined) {
    throw new InvalidInputError(`Cannot install "${source}": say what to call it, with --name`);
  }
  const target = readExtensionName(wanted);
  const isThere = (await installed(control)).some((one) => one.name === target);
  const trust_scripts = values["trust-scripts"];
  const operation: QueueOperation = isThere
    ? { type: "update", target, source, trust_scripts }
    : { type: "install", target, source, trust_scripts, enabled: !values.disabled };
  const { yes: isSure, json: isJson } = values;
  return applyChanges(control, [operation], { isSure, isJson });
}
