/** `luna secrets list|set|unset|import`: the keys of `.env`, whether Luna runs or not; no value is ever an argument. */
import type { Environment } from "../config/environment.ts";
import type { EnvUpload, SecretEffect, SecretList, SecretUser } from "../contract/secrets.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeText, readBytesIfThere } from "../lib/files.ts";
import { readArguments, UsageError } from "./arguments.ts";
import { CANCELLED, isTerminal, readHiddenLine } from "./hidden-line.ts";
import { withSecrets } from "./secret-store.ts";
import { table } from "./table.ts";
import { USAGE } from "./usage.ts";

/** One more than are taken, for a value that has to be refused in words of its own. */
const WORDS_MAX = 3;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function labels(users: readonly SecretUser[]): string {
  return users.map(({ label }) => label).join(", ");
}

function listText(list: SecretList): string {
  const rows = Object.entries(list).map(([name, view]) => [
    name,
    view.is_set ? view.value : "(empty)",
    view.made_by_luna ? "made by Luna" : view.source === "environment" ? "environment" : ".env",
    labels(view.used_by),
  ]);
  if (rows.length === 0) return "No keys are set.";
  return table([["NAME", "VALUE", "FROM", "USED BY"], ...rows]);
}

function tellEffect(effect: SecretEffect): void {
  if (effect.restarted.length > 0) say(`Started again: ${labels(effect.restarted)}.`);
  for (const { kind, name, label } of effect.needs_restart) {
    const how = kind === "luna" ? '"luna down", then "luna up"' : `"luna restart ${name}"`;
    say(`${label} goes on with what was set before: ${how}.`);
  }
  for (const name of effect.overridden) {
    say(`Luna was started with another ${name}, which counts until it is started without.`);
  }
}

async function list(environment: Environment, isJson: boolean): Promise<number> {
  const found = await withSecrets(environment, (store) => store.list());
  say(isJson ? JSON.stringify(found, null, 2) : listText(found));
  return 0;
}

async function set(environment: Environment, name: string): Promise<number> {
  if (name.includes("=")) {
    throw new InvalidInputError(
      "Cannot set this: give the name alone; a value on the command line can be seen by everybody on this machine, and stays in the shell's history",
    );
  }
  const value = isTerminal()
    ? await readHiddenLine(`Value of ${name}: `)
    : (await new Response(Bun.stdin.stream()).text()).replace(/\r?\n$/, "");
  if (value === undefined) return CANCELLED;
  const done = await withSecrets(environment, (store) => store.set(name, value));
  say(`${name} is set.`);
  tellEffect(done);
  return 0;
}

async function unset(environment: Environment, name: string): Promise<number> {
  const { done, wasThere } = await withSecrets(environment, async (store) => ({
    wasThere: Object.hasOwn(await store.list(), name),
    done: await store.delete(name),
  }));
  say(wasThere ? `${name} is not set any more.` : `${name} was not set.`);
  tellEffect(done);
  return 0;
}

function tellUpload({ added, changed, unchanged, refused }: EnvUpload): void {
  const names = { "New:": added, "Changed:": changed, "The same:": unchanged };
  for (const [word, some] of Object.entries(names)) {
    if (some.length > 0) say(`${word.padEnd(10)}${some.join(", ")}`);
  }
  for (const { line, name, reason } of refused) {
    say(`Left out: line ${line}${name === null ? "" : ` (${name})`}: ${reason}`);
  }
}

async function importFile(
  environment: Environment,
  path: string,
  isSure: boolean,
): Promise<number> {
  const bytes = await readBytesIfThere(path);
  if (bytes === undefined) throw new NotFoundError(`Cannot read "${path}": there is no such file`);
  const text = decodeText(path, bytes);
  return withSecrets(environment, async (store) => {
    const shown = await store.preview(text);
    tellUpload(shown);
    if (shown.added.length + shown.changed.length === 0) {
      say("There is nothing to change.");
      return 0;
    }
    if (!isSure && !isTerminal()) {
      throw new InvalidInputError("Cannot import without being told to: add --yes");
    }
    if (!isSure && !/^y/i.test(prompt("Write this? [y/N]") ?? "")) return CANCELLED;
    const done = await store.apply(text, shown.preview);
    say(`${done.updated_count} ${done.updated_count === 1 ? "key is" : "keys are"} written.`);
    tellEffect(done);
    return 0;
  });
}

const WANTED: ReadonlyMap<string, string> = new Map([
  ["set", "the name of a key"],
  ["unset", "the name of a key"],
  ["import", "a file"],
]);

/** Why these words are no command; what may be a value is not repeated. */
function whyNot(action: string, what: string | undefined, rest: readonly string[]): string {
  if (action === "set" && rest.length > 0) return "a value is no argument";
  const wanted = WANTED.get(action);
  return what === undefined && wanted !== undefined ? `${wanted} is missing` : "that is no command";
}

export async function secrets(environment: Environment, args: string[]): Promise<number> {
  const { positionals, values } = readArguments(args, {
    usage: USAGE.secrets,
    options: { json: { type: "boolean" }, yes: { type: "boolean", short: "y" } },
    words: { min: 0, max: WORDS_MAX },
    isPrivate: true,
  });
  const [action = "list", what, ...rest] = positionals;
  if (action === "list" && what === undefined) return list(environment, values.json ?? false);
  if (what !== undefined && rest.length === 0) {
    if (action === "set") return set(environment, what);
    if (action === "unset") return unset(environment, what);
    if (action === "import") return importFile(environment, what, values.yes ?? false);
  }
  throw new UsageError(
    `Cannot use secrets: ${whyNot(action, what, rest)}\nUsage: ${USAGE.secrets}`,
  );
}
