/** `luna passphrase`: sets the owner's passphrase, also one that was forgotten, or takes it away. */
import type { Environment } from "../config/environment.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { CANCELLED, isTerminal, readHiddenLine } from "./hidden-line.ts";
import { USAGE } from "./usage.ts";

function flagsIn(args: string[]): { remove: boolean } {
  const options = { remove: { type: "boolean", default: false } } as const;
  return readArguments(args, { usage: USAGE.passphrase, options, isPrivate: true }).values;
}

/** undefined when the person wants to stop. */
async function askFor(): Promise<string | undefined> {
  const passphrase = await readHiddenLine("New passphrase: ");
  if (passphrase === undefined || !isTerminal()) return passphrase;
  const again = await readHiddenLine("The same again: ");
  if (again === undefined || again === passphrase) return again;
  throw new InvalidInputError("Cannot set the passphrase: the two that you typed differ");
}

function tell(done: string, ended: number): number {
  const others =
    ended === 0
      ? ""
      : ` ${ended === 1 ? "One session" : `${ended} sessions`} made with the old one ended.`;
  process.stdout.write(`${done}${others}\n`);
  return 0;
}

export async function passphrase(environment: Environment, args: string[]): Promise<number> {
  const { remove } = flagsIn(args);
  const control = await Control.of(environment);
  if (remove) return tell("The passphrase is gone.", await control.setPassphrase(null));
  const text = await askFor();
  if (text === undefined) return CANCELLED;
  if (text === "") throw new InvalidInputError("Cannot set the passphrase: it is empty");
  return tell("The passphrase is set.", await control.setPassphrase(text));
}
