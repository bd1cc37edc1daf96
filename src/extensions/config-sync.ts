/** Writes what the configuration says of an extension into the extension's own files (specification 6.2, contract 6.2). */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { applyEdits, type FormattingOptions, modify } from "jsonc-parser";
import type { ExtensionEntry, ToolSettings } from "../contract/config.ts";
import { type ExtensionProblem, Manifest, ToolConfigFile } from "../contract/extension.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { decodeText, readBytesIfThere, writeFileAtomic } from "../lib/files.ts";
import { isRecord } from "../lib/record.ts";
import type { Extension } from "./discovery.ts";
import { checkSecrets, MANIFEST_FILE, TOOL_CONFIG_FILE } from "./manifest.ts";
import { problemOf } from "./problem.ts";

const MODE_BITS = 0o777;

/** What the configuration has on one extension. */
export interface SyncSource {
  entry: ExtensionEntry;
  /** What is set for the tool that the extension itself calls so; undefined when nothing is. */
  toolSettings(own_name: string): ToolSettings | undefined;
  now: Date;
  /** How a file is replaced; another one only in tests. */
  write?: typeof writeFileAtomic;
}

interface Synced {
  /** Whether there is a manifest to agree with. */
  state: "synced" | "skipped";
  /** What could not be written, which costs that file alone. */
  problems: readonly ExtensionProblem[];
}

type Members = Readonly<Record<string, unknown>>;

/** `MM-DD-YY`, as versions of extensions are written. */
function versionOf(now: Date): string {
  const [year = "", month, day] = now.toISOString().slice(0, "2026-01-01".length).split("-");
  return `${month}-${day}-${year.slice(2)}`;
}

/** The members of the manifest that are to be others. */
function manifestChanges(manifest: Members, { entry, now }: SyncSource): Members {
  const changes = new Map<string, unknown>();
  for (const [name, value] of Object.entries(entry.config)) {
    if (name !== "version" && Object.hasOwn(manifest, name)) changes.set(name, value);
  }
  const { version } = manifest;
  if (version === undefined || version === "") changes.set("version", versionOf(now));
  changes.set("enabled", entry.enabled);
  changes.set("source", entry.source);
  const different = [...changes].filter(
    ([name, value]) => !Bun.deepEquals(manifest[name], value, true),
  );
  return Object.fromEntries(different);
}

/** The tools that the extension and the configuration both know, and about which they differ. */
function toolChanges(file: Members, { toolSettings }: SyncSource): Members {
  const different = Object.entries(file).flatMap(([name, own]) => {
    const settings = toolSettings(name);
    return settings === undefined || Bun.deepEquals(own, settings, true)
      ? []
      : [[name, settings] as const];
  });
  return Object.fromEntries(different);
}

/** As the file is laid out already. */
function layoutOf(text: string): FormattingOptions {
  const indent = /^[\t ]+/m.exec(text)?.[0] ?? "  ";
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  return { insertSpaces: !indent.startsWith("\t"), tabSize: indent.length, eol };
}

/** The text with other members at its top; all the rest stays as it is written. */
function withMembers(text: string, members: Members): string {
  const formattingOptions = layoutOf(text);
  return Object.entries(members).reduce(
    (before, [name, value]) =>
      applyEdits(before, modify(before, [name], value, { formattingOptions })),
    text,
  );
}

interface SyncedFile {
  path: string;
  changes(members: Members): Members;
  /** @throws InvalidInputError when what would be written could not be read again */
  check(members: unknown): void;
  write: typeof writeFileAtomic;
}

/** @returns whether there is such a file, with something in it */
async function syncFile({ path, changes, check, write }: SyncedFile): Promise<boolean> {
  const bytes = await readBytesIfThere(path);
  const text = bytes === undefined ? "" : decodeText(path, bytes);
  const members: unknown = text.trim() === "" ? {} : JSON.parse(text);
  if (!isRecord(members) || Object.keys(members).length === 0) return false;
  const wanted = changes(members);
  if (Object.keys(wanted).length === 0) return true;
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) {
    throw new InvalidInputError(
      `Cannot write "${path}": it is a link, and Luna writes through none; put the file itself there`,
    );
  }
  const next = withMembers(text, wanted);
  check(JSON.parse(next));
  await write(path, next, stats.mode & MODE_BITS);
  return true;
}

function checkManifest(path: string, members: unknown): void {
  const parsed = Manifest.safeParse(members);
  if (!parsed.success) {
    throw new InvalidInputError(
      `Cannot write the settings into "${path}": ${explain(parsed.error)}`,
      { cause: parsed.error },
    );
  }
  checkSecrets(parsed.data, path);
}

/**
 * Brings an extension's `config.json` and `tools/tool_config.json` to what the configuration says. Of settings only
 * those are written that the manifest has already; a file is touched only when something differs.
 */
export async function syncExtension(extension: Extension, source: SyncSource): Promise<Synced> {
  const { name, path } = extension;
  const { write = writeFileAtomic } = source;
  const problems: ExtensionProblem[] = [];
  const attempt = async (file: string, work: Pick<SyncedFile, "changes" | "check">) => {
    try {
      return await syncFile({ path: join(path, file), write, ...work });
    } catch (error) {
      problems.push(problemOf(error, { extension: name, file, fix: fixOf(error) }));
      return true;
    }
  };
  const hasManifest = await attempt(MANIFEST_FILE, {
    changes: (members) => manifestChanges(members, source),
    check: (members) => checkManifest(join(path, MANIFEST_FILE), members),
  });
  await attempt(TOOL_CONFIG_FILE, {
    changes: (members) => toolChanges(members, source),
    check: (members) => void ToolConfigFile.parse(members),
  });
  return { state: hasManifest ? "synced" : "skipped", problems };
}

function fixOf(error: unknown): string {
  return error instanceof InvalidInputError
    ? "Correct the extension's settings, or the file; Luna takes it up by itself."
    : "Let Luna write into the extension's folder; until then the configuration alone counts.";
}
