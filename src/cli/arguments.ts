/** The one reader of a command's arguments: what a command does not know, it refuses. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { InvalidInputError, messageOf } from "../lib/errors.ts";

interface Wanted<Options extends NonNullable<ParseArgsConfig["options"]>> {
  /** The whole command as people type it, such as `luna status [--watch] [--json]`. */
  usage: string;
  options: Options;
  /** How many words it takes that are no options; without it none. */
  words?: { min: number; max: number };
  /** What was typed may be a secret, and is not repeated. */
  isPrivate?: boolean;
}

/** "luna mcp stdio" of "luna mcp stdio --hub <name>". */
function commandIn(usage: string): string {
  return /^luna(?: [a-z-]+)+/.exec(usage)?.[0] ?? usage;
}

function refuse({ usage, why }: { usage: string; why: string }, cause?: unknown): never {
  const reason = why === "" ? "this is not how it is used" : why;
  throw new InvalidInputError(`Cannot run "${commandIn(usage)}": ${reason}\nUsage: ${usage}`, {
    cause,
  });
}

/** The first sentence: what follows explains how parseArgs() itself is used. */
function firstSentence(text: string): string {
  const sentence = text.split(/\.\s/)[0] ?? text;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/**
 * Reads a command's arguments.
 * @throws InvalidInputError that names what is not known, and how the command is used
 */
export function readArguments<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  { usage, options, words = { min: 0, max: 0 }, isPrivate = false }: Wanted<Options>,
) {
  const read = () =>
    parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: true,
    });
  let found: ReturnType<typeof read>;
  try {
    found = read();
  } catch (cause) {
    // Without the cause a secret is nowhere.
    if (isPrivate) refuse({ usage, why: "" });
    refuse({ usage, why: firstSentence(messageOf(cause)) }, cause);
  }
  const { length } = found.positionals;
  if (length > words.max) {
    const word = found.positionals[words.max] ?? "";
    refuse({ usage, why: isPrivate ? "" : `"${word}" is one word too many` });
  }
  if (length < words.min) refuse({ usage, why: "a word is missing" });
  return found;
}
