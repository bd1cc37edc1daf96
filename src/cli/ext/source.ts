/** Where an extension is to come from, as it was typed: a folder or an archive of this machine is uploaded first. */
import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { ThingName } from "../../contract/names.ts";
import { ExtensionUpload, parseSource } from "../../contract/source.ts";
import { packFolder } from "../../lib/archive/pack.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import type { Control } from "../control.ts";

const UPLOAD_TIMEOUT_MS = 600_000;
const ARCHIVE = /\.(?:zip|tar\.gz|tgz)$/;
/** What an installation makes itself, or has no use for. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...["node_modules", ".git", ".venv", "__pycache__", "data", ".DS_Store"],
]);

export interface Chosen {
  source: string;
  /** What it calls itself, if that can be known before it is fetched. */
  name: string | undefined;
}

function isPath(word: string): boolean {
  return /^[./~]/.test(word) || (!word.includes(":") && existsSync(word));
}

async function upload(control: Control, file: File): Promise<ExtensionUpload> {
  const body = new FormData();
  body.set("file", file);
  return control.ask("/extensions/upload", ExtensionUpload, {
    ...{ method: "POST", body, timeoutMs: UPLOAD_TIMEOUT_MS },
  });
}

async function fileAt(path: string): Promise<File> {
  if (!statSync(path).isDirectory()) {
    if (ARCHIVE.test(path)) return new File([await Bun.file(path).bytes()], basename(path));
    throw new InvalidInputError(
      `Cannot install "${path}": it should be a folder, a .zip or a .tar.gz`,
    );
  }
  const prefix = basename(path);
  const packed = await packFolder(path, { prefix, isLeftOut: (name) => LEFT_OUT.has(name) });
  for (const skipped of packed.skipped) {
    process.stderr.write(`Left out: ${skipped}, which is a link or no file\n`);
  }
  return new File([packed.bytes], `${prefix}.tar.gz`);
}

/** The last part of a repository's address, as the name of a thing. */
function nameIn(source: string): string | undefined {
  const parsed = parseSource(source);
  if (parsed.source?.kind !== "github") return undefined;
  const { repo, path } = parsed.source;
  const name = ThingName.safeParse((path ?? repo).split("/").at(-1)?.toLowerCase());
  return name.data;
}

/** @throws InvalidInputError for what is neither a path nor a source */
export async function chooseSource(control: Control, word: string): Promise<Chosen> {
  if (!isPath(word)) {
    const { problem } = parseSource(word);
    if (problem !== undefined) {
      throw new InvalidInputError(
        `Cannot install "${word}": ${problem}; or a path such as ./notes`,
      );
    }
    return { source: word, name: nameIn(word) };
  }
  const path = resolve(word);
  if (!existsSync(path)) throw new InvalidInputError(`Cannot install "${path}": it is not there`);
  const { source, contents } = await upload(control, await fileAt(path));
  const own = basename(path).replace(ARCHIVE, "").toLowerCase();
  return { source, name: contents.name ?? ThingName.safeParse(own).data };
}
