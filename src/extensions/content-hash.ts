/** The hash that tells whether an extension's tools are still the ones that were described. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { VERSION } from "../config/version.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { MANIFEST_FILE } from "./manifest.ts";

const FILES_MAX = 2_000;
const BYTES_MAX = 64 * 1024 * 1024;

/** Files below `folder`, installed packages and hidden ones aside; none when there is no such folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

async function existing(path: string): Promise<string[]> {
  return (await Bun.file(path).exists()) ? [path] : [];
}

/**
 * SHA-256 (hex) over an extension's `tools/`, `config.json` and `package.json`.
 * Luna's version is in it: another Luna may describe the same files otherwise.
 * @throws InvalidInputError when there is too much to read
 */
export async function contentHash(folder: string): Promise<string> {
  const files = [
    ...(await existing(join(folder, MANIFEST_FILE))),
    ...(await existing(join(folder, "package.json"))),
    ...(await filesBelow(join(folder, "tools"))).sort(),
  ];
  const tooMuch = new InvalidInputError(
    `Cannot read the tools of "${folder}": tools/ has more than ${FILES_MAX} files or ${BYTES_MAX} bytes`,
  );
  if (files.length > FILES_MAX) throw tooMuch;
  const hash = createHash("sha256").update(`luna ${VERSION}\n`);
  let bytes = 0;
  for (const path of files) {
    const content = await readFile(path);
    bytes += content.byteLength;
    // The length separates files: no two trees give the same stream.
    hash
      .update(`${JSON.stringify(relative(folder, path))} ${content.byteLength}\n`)
      .update(content);
    if (bytes > BYTES_MAX) throw tooMuch;
  }
  return hash.digest("hex");
}
