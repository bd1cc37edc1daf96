/** Fills what a definition leaves open (contract 8.1): no value ever becomes text that a shell reads. */
import { InvalidInputError } from "../lib/errors.ts";
import { type ShellPlace, ShellReader } from "./shell-text.ts";

/** Values by the lower-case name of their placeholder. */
export type Values = ReadonlyMap<string, string>;

/** The environment variables by which a command gets its values begin with this. */
const VARIABLE_PREFIX = "LUNA_VALUE_";
const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/y;
/** Of older definitions; `${port}` is the shell's. */
const LEGACY_PLACEHOLDER = /\{(config_file|working_dir|port)\}/y;
const ANY_PLACEHOLDER = /\{\{\s*([^{}]+?)\s*\}\}/g;
/** Words of Docker's own templates, which look like placeholders. */
const TEMPLATE_WORDS: ReadonlySet<string> = new Set(["else", "end", "break", "continue"]);

/** What hands a part of its command line to another interpreter: there, a value would be program text. */
const INTERPRETED: readonly RegExp[] = [
  /(?:^|[\s;&|(`"'/])(?:eval|ssh|su|sed|awk|gawk|mawk|xargs|parallel|watch|trap|source|crontab|expect)\s/,
  /(?:^|[\s;&|(])\.\s+\S/,
  /\s-[A-Za-z]*c(?![\w-])/,
  /\b(?:perl|ruby|node|bun|deno|php)\b[^\n;|&]*\s-[A-Za-z]*[er](?![\w-])/,
  /\|\s*(?:sudo\s+)?(?:\/\S*\/)?(?:ba|da|z|k)?sh\b/,
];
/** What no interpreter takes for anything but itself. */
const HARMLESS = /^[A-Za-z0-9_./:@%+,=-]*$/;

export interface FilledCommand {
  /** For `sh -c`; it holds references, and no value. */
  text: string;
  /** The values that it refers to. */
  environment: Record<string, string>;
}

interface Placeholder {
  name: string;
  length: number;
}

function placeholderAt(template: string, offset: number): Placeholder | undefined {
  PLACEHOLDER.lastIndex = offset;
  LEGACY_PLACEHOLDER.lastIndex = offset;
  const found = PLACEHOLDER.exec(template) ?? LEGACY_PLACEHOLDER.exec(template);
  if (found?.[1] === undefined) return undefined;
  return { name: found[1].toLowerCase(), length: found[0].length };
}

/** The value as one part of one word, in whatever quotes it stands. */
function reference(variable: string, place: ShellPlace): string {
  const expansion = `\${${variable}}`;
  switch (place) {
    case "bare":
      return `"${expansion}"`;
    case "single":
      return `'"${expansion}"'`;
    case "double":
    case "arithmetic":
      return expansion;
  }
}

/** The names of a command's placeholders, lower-case. */
export function placeholdersIn(template: string): string[] {
  const names = new Set<string>();
  for (const [, name = ""] of template.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
    if (!TEMPLATE_WORDS.has(name)) names.add(name.toLowerCase());
  }
  return [...names];
}

/**
 * The command with references to environment variables in place of placeholders.
 * @param what for errors, such as `the start command of "postgres"`
 * @throws InvalidInputError when values are missing, or could be read as program text by somebody
 */
export function fillCommand(template: string, values: Values, what: string): FilledCommand {
  const reader = new ShellReader(template);
  const environment: Record<string, string> = {};
  const missing = new Set<string>();
  const isInterpreted = INTERPRETED.some((pattern) => pattern.test(template));
  let text = "";
  while (!reader.isDone) {
    const { place, afterHereDocument } = reader.step;
    const found = placeholderAt(template, reader.offset);
    const value = found === undefined ? undefined : values.get(found.name);
    if (found === undefined || value === undefined) {
      if (found !== undefined && isMissing(template, reader.offset, found)) missing.add(found.name);
      text += reader.next();
      continue;
    }
    if (afterHereDocument) throw inHereDocument(what);
    if ((isInterpreted || place === "arithmetic") && !HARMLESS.test(value)) {
      throw asProgram(found.name, what);
    }
    environment[VARIABLE_PREFIX + found.name] = value;
    text += reference(VARIABLE_PREFIX + found.name, place);
    reader.skip(found.length);
  }
  if (missing.size > 0) {
    throw new InvalidInputError(
      `Cannot fill ${what}: missing required configuration: ${[...missing].join(", ")}`,
    );
  }
  return { text, environment };
}

/** Docker's own words, and braces of the older form, stay as they are when nothing has their name. */
function isMissing(template: string, offset: number, { name }: Placeholder): boolean {
  return template.startsWith("{{", offset) && !TEMPLATE_WORDS.has(name);
}

function inHereDocument(what: string): InvalidInputError {
  return new InvalidInputError(
    `Cannot fill ${what}: it has a placeholder in or after a here-document (<<), where values cannot be kept apart from the text; use printf`,
  );
}

function asProgram(name: string, what: string): InvalidInputError {
  return new InvalidInputError(
    `Cannot use this value of "${name}": ${what} hands it to another program as program text, so it may have only letters, digits and _ . / : @ % + , = -`,
  );
}

/** Text for `.env`: what is not known is left out. */
export function fillText(template: string, values: Values): string {
  return template.replace(
    ANY_PLACEHOLDER,
    (_, name: string) => values.get(name.trim().toLowerCase()) ?? "",
  );
}
