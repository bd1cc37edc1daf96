/** The one reader of a command's arguments: what a command does not know, it refuses. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Environment } from "../config/environment.ts";
import { didYouMean } from "../lib/did-you-mean.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { parseSince } from "../log-files/since.ts";

/** The command line itself is wrong, whatever it would have done: exit code 2. */
export class UsageError extends InvalidInputError {}

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
  throw new UsageError(`Cannot run "${commandIn(usage)}": ${reason}\nUsage: ${usage}`, { cause });
}

/** The first sentence: what follows explains how parseArgs() itself is used. */
function firstSentence(text: string): string {
  const sentence = text.split(/\.\s/)[0] ?? text;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** What is near an option that there is not. */
function optionMeant(text: string, options: object): string {
  const typed = /^Unknown option '(--[^'\s]+)'/.exec(text)?.[1];
  const names = [...Object.keys(options), "help"].map((name) => `--${name}`);
  return typed === undefined ? "" : didYouMean(typed, names);
}

/**
 * Reads a command's arguments.
 * @throws UsageError that names what is not known, and how the command is used
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
    const text = messageOf(cause);
    const meant = optionMeant(text, options);
    refuse({ usage, why: `${firstSentence(text)}${meant === "" ? "" : `.${meant}`}` }, cause);
  }
  const { length } = found.positionals;
  if (length > words.max) {
    const word = found.positionals[words.max] ?? "";
    refuse({ usage, why: isPrivate ? "" : `"${word}" is one word too many` });
  }
  if (length < words.min) refuse({ usage, why: "a word is missing" });
  return found;
}

/**
 * Milliseconds since the epoch of an option's `1h` (ago) or date.
 * @throws UsageError for anything else
 */
export function readTime(text: string): number {
  try {
    return parseSince(text, Date.now());
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}

/** Runs one verb of a command such as `luna ext`; settles with its exit code. */
export type Verb = (environment: Environment, args: string[]) => Promise<number>;

/**
 * Finds the verb in the arguments, and what is left for it.
 * @throws UsageError that names the verbs there are
 */
export function readVerb<Verbs>(
  args: readonly string[],
  { verbs, usage }: { verbs: Readonly<Record<string, Verbs>>; usage: string },
): { verb: Verbs; rest: string[] } {
  const [word, ...rest] = args;
  const verb = word !== undefined && Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (verb !== undefined) return { verb, rest };
  const names = Object.keys(verbs);
  const command = usage.split(" ", 2).join(" ");
  const all = names.join(", ");
  const why =
    word === undefined
      ? `say what to do, one of ${all}`
      : `"${word}" is none of its commands.${didYouMean(word, names) || ` There are ${all}.`}`;
  throw new UsageError(`Cannot run "${command}": ${why}\nUsage: ${usage}`);
}
