/** The hash that tells whether an extension's tools are still the ones that were described. */
import { createHash } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { VERSION } from "../config/version.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { isRecord } from "../lib/record.ts";
import { ENVIRONMENT_LINK } from "../python/environment-link.ts";
import { MANIFEST_FILE, TOOL_CONFIG_FILE } from "./manifest.ts";

const FILES_MAX = 2_000;
/** Installed packages, and what Python keeps of files that it has read. */
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", "__pycache__"]);
const BYTES_MAX = 64 * 1024 * 1024;

/** Files below `folder`, hidden ones aside; none when there is no such folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".") || LEFT_OUT.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

/** What config sync writes, and no tool is described by: its writing alone makes no description stale. */
const WRITTEN_BY_SYNC = ["version", "enabled", "source"];

/** The bytes that count; of a manifest its meaning, however it is laid out. */
async function contentOf(path: string, isManifest: boolean): Promise<Buffer> {
  const bytes = await readFile(path);
  if (!isManifest) return bytes;
  try {
    const members: unknown = JSON.parse(bytes.toString("utf8"));
    if (!isRecord(members)) return bytes;
    const counting = Object.entries(members).filter(([name]) => !WRITTEN_BY_SYNC.includes(name));
    return Buffer.from(JSON.stringify(counting.sort(([a], [b]) => (a < b ? -1 : 1))));
  } catch {
    return bytes; // It is told as a problem by whoever reads it.
  }
}

async function existing(path: string): Promise<string[]> {
  return (await Bun.file(path).exists()) ? [path] : [];
}

/**
 * SHA-256 (hex) over an extension's `tools/`, `config.json` and `package.json`, as far as tools depend on them,
 * and over which Python environment it has.
 * Luna's version is in it: another Luna may describe the same files otherwise.
 * @throws InvalidInputError when there is too much to read
 */
export async function contentHash(folder: string): Promise<string> {
  const manifest = join(folder, MANIFEST_FILE);
  const toolConfig = join(folder, TOOL_CONFIG_FILE);
  const files = [
    ...(await existing(manifest)),
    ...(await existing(join(folder, "package.json"))),
    ...(await filesBelow(join(folder, "tools"))).filter((path) => path !== toolConfig).sort(),
  ];
  const tooMuch = new InvalidInputError(
    `Cannot read the tools of "${folder}": tools/ has more than ${FILES_MAX} files or ${BYTES_MAX} bytes`,
  );
  if (files.length > FILES_MAX) throw tooMuch;
  const hash = createHash("sha256").update(`luna ${VERSION}\n`);
  // Its path is by its content.
  const environment = await readlink(join(folder, ENVIRONMENT_LINK)).catch(() => ""); // It has none.
  if (environment !== "") hash.update(`${JSON.stringify(environment)}\n`);
  let bytes = 0;
  for (const path of files) {
    const content = await contentOf(path, path === manifest);
    bytes += content.byteLength;
    // The length separates files: no two trees give the same stream.
    hash
      .update(`${JSON.stringify(relative(folder, path))} ${content.byteLength}\n`)
      .update(content);
    if (bytes > BYTES_MAX) throw tooMuch;
  }
  return hash.digest("hex");
}
