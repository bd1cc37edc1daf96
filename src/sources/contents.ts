/** What an archive or a folder holds as an extension: its manifest, and which tools, services and UI there are. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ExtensionContents } from "../contract/source.ts";
import { hasUpstreams } from "../extensions/discovery.ts";
import { MANIFEST_FILE, readManifest } from "../extensions/manifest.ts";
import { unpack } from "../lib/archive/unpack.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { KEPT_AS_TOP } from "./layout.ts";
import type { Upload } from "./uploads.ts";

const TOOL_FILE = /_tools\.(?:ts|js|mjs|py)$/;

async function namesIn(folder: string): Promise<string[]> {
  // What is not there holds nothing; a file in the place of a folder neither.
  return (await readdir(folder).catch(() => [])).sort();
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** @throws InvalidInputError when it is no extension, or its manifest is wrong */
async function contentsOf(
  folder: string,
  { files, bytes }: { files: number; bytes: number },
): Promise<ExtensionContents> {
  const names = await namesIn(folder);
  if (!names.includes(MANIFEST_FILE) && !names.some((name) => KEPT_AS_TOP.includes(name))) {
    const there = names.slice(0, 12).join(", ");
    throw new InvalidInputError(
      `it is no extension: at its top should be ${MANIFEST_FILE}, or tools, ui or services; there is ${there}`,
    );
  }
  const manifest = await readManifest(folder);
  const tools = (await namesIn(join(folder, "tools"))).filter((name) => TOOL_FILE.test(name));
  const services: string[] = [];
  for (const name of await namesIn(join(folder, "services"))) {
    if (await isFile(join(folder, "services", name, "start.sh"))) services.push(name);
  }
  const has_ui = await isFile(join(folder, "ui", "start.sh"));
  const has_tools = names.includes("tools") || hasUpstreams(manifest);
  if (!has_tools && !has_ui && services.length === 0) {
    throw new InvalidInputError(
      "it has neither tools/ nor mcp_servers nor ui/start.sh nor a service; an extension has at least one of them",
    );
  }
  return {
    name: manifest.name ?? null,
    version: manifest.version,
    description: manifest.description ?? null,
    ...{ files, bytes },
    tool_files: tools.map((name) => `tools/${name}`),
    has_ui,
    services,
    required_secrets: manifest.required_secrets.map(({ name }) => name),
  };
}

/**
 * Unpacks the upload as an installation would, looks, and removes what was unpacked.
 * @param scratch the folder to make for it
 * @throws InvalidInputError when the archive is bad, or no extension
 */
export async function lookInto(
  { path }: Pick<Upload, "path">,
  { label, scratch }: { label: string; scratch: string },
): Promise<ExtensionContents> {
  try {
    const unpacked = await unpack(path, {
      ...{ into: scratch, label, stripTop: { unless: KEPT_AS_TOP } },
    });
    return await contentsOf(scratch, unpacked);
  } catch (error) {
    if (!(error instanceof InvalidInputError) || error.code === "bad_archive") throw error;
    // The folder's name means nothing to whoever uploaded it.
    const why = error.message.replaceAll(`${scratch}/`, "");
    throw new InvalidInputError(`Cannot use "${label}": ${why}`, {
      ...{ code: "bad_extension", cause: error },
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
