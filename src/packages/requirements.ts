/** Reads `requirements.txt` files into one list: what they include is in it, what would take packages from elsewhere is refused. */
import { dirname, join, relative, resolve } from "node:path";
import { InvalidInputError } from "../lib/errors.ts";
import { readTextIfThere } from "../lib/files.ts";

const INCLUDES_MAX = 32;
const LINES_MAX = 2_000;

/** `-r other.txt`, `--requirement=other.txt`, and the same for constraints. */
const INCLUDE = /^(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?=[^\s-]))(.+)$/;
/** A name, as PyPI has it, with extras and versions; options of the line such as `--hash` may follow. */
const NAMED =
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[^\]]*\])?\s*(?:$|[<>=!~;(]|--hash)/;
/** An option for all lines that neither chooses where packages come from nor runs anything. */
const HARMLESS = /^--(?:pre|prefer-binary|only-binary|require-hashes)\b/;

/** Folders and files: they would be gone with the staged extension, and are no part of what environments are known by. */
const LOCAL = /^(?:-e\b|--editable\b|[./~]|file:)|@\s*file:/;

interface ReadOptions {
  /** The extension's folder: nothing outside of it is read. */
  root: string;
  /** Whether lines may name addresses and other indexes. */
  trusted: boolean;
}

/** Joins lines that go on with a backslash, and leaves comments out. */
function requirementLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .replace(/\\\r?\n/g, " ")
    .split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

export interface Requirements {
  /** One package each, or an option for all of them. */
  lines: readonly string[];
  /** Versions for packages that come along. */
  constraints: readonly string[];
}

interface Reading {
  files: number;
  constraints: string[];
}

async function readList(path: string, options: ReadOptions, state: Reading): Promise<string[]> {
  const told = relative(options.root, path);
  const cannot = `Cannot install the packages of "${told}"`;
  state.files += 1;
  if (state.files > INCLUDES_MAX) throw new InvalidInputError(`${cannot}: it includes too much`);
  if (told.startsWith("..")) {
    throw new InvalidInputError(`${cannot}: it lies outside of the extension's folder`);
  }
  const text = await readTextIfThere(path);
  if (text === undefined) throw new InvalidInputError(`${cannot}: there is no such file`);
  const lines: string[] = [];
  for (const line of requirementLines(text)) {
    const [, how, included] = INCLUDE.exec(line) ?? [];
    if (how !== undefined && included !== undefined) {
      const isConstraint = how === "-c" || how === "--constraint";
      const more = await readList(resolve(dirname(path), included), options, state);
      (isConstraint ? state.constraints : lines).push(...more);
    } else if (LOCAL.test(line)) {
      throw new InvalidInputError(`${cannot}: "${line}" is a folder or a file, not a package`);
    } else if (options.trusted || NAMED.test(line) || HARMLESS.test(line)) lines.push(line);
    else {
      throw new InvalidInputError(
        `${cannot}: "${line}" is no package's name with its versions; only an extension that may run scripts may take packages from elsewhere`,
      );
    }
  }
  if (lines.length > LINES_MAX) throw new InvalidInputError(`${cannot}: it has too many lines`);
  return lines;
}

const sorted = (lines: readonly string[]): string[] => [...new Set(lines)].sort();

/**
 * The lines of all `lists` (paths relative to the extension), sorted, each once.
 * @throws InvalidInputError that names the file and the line
 */
export async function readRequirements(
  lists: readonly string[],
  options: ReadOptions,
): Promise<Requirements> {
  const state: Reading = { files: 0, constraints: [] };
  const lines: string[] = [];
  for (const list of lists) {
    lines.push(...(await readList(join(options.root, list), options, state)));
  }
  return { lines: sorted(lines), constraints: sorted(state.constraints) };
}
