/** Caddy from its project's releases: a pinned version for this machine, its checksum verified. */
import { chmod, mkdir, mkdtemp, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { downloadFile, downloadText } from "../lib/download.ts";
import { messageOf } from "../lib/errors.ts";

export const CADDY_VERSION = "2.11.9";
export const RELEASES_URL = "https://github.com/caddyserver/caddy/releases/download";

const CHECKSUMS_BYTES_MAX = 64 * 1024;
/** An archive has about 18 MB. */
const ARCHIVE_BYTES_MAX = 100 * 1024 * 1024;
const CHECKSUMS_TIMEOUT_MS = 30_000;
const ARCHIVE_TIMEOUT_MS = 300_000;
const EXTRACT_TIMEOUT_MS = 60_000;
const SELF_TEST_TIMEOUT_MS = 20_000;
const EXECUTABLE_MODE = 0o755;
const PRIVATE_FOLDER_MODE = 0o700;

/** The releases' words for what Node calls platform and arch. */
const SYSTEMS: Readonly<Record<string, string>> = { linux: "linux", darwin: "mac" };
const MACHINES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export interface ReleaseOptions {
  /** Where versions lie, without a final slash. */
  releasesUrl: string;
  /** The folder for the program. */
  bin: string;
  platform: string;
  arch: string;
  searchPath: string;
}

/** The SHA-512 of `name` from the lines `<hex>  <name>` of the release's checksums file. */
async function expectedChecksum(folderUrl: string, name: string): Promise<string> {
  const text = await downloadText(`${folderUrl}/caddy_${CADDY_VERSION}_checksums.txt`, {
    bytesMax: CHECKSUMS_BYTES_MAX,
    timeoutMs: CHECKSUMS_TIMEOUT_MS,
  });
  for (const line of text.split("\n")) {
    const [checksum, file] = line.trim().split(/\s+\*?/);
    if (file === name && checksum !== undefined && /^[0-9a-f]{128}$/.test(checksum)) {
      return checksum;
    }
  }
  throw new Error(`the release's checksums do not name ${name}`);
}

/** Takes the one member `caddy` out of the archive; proves that it runs here. */
async function extract(archive: string, folder: string, searchPath: string): Promise<string> {
  const env = { PATH: searchPath };
  const unpacked = await runCommand({
    command: ["tar", "-xzf", archive, "-C", folder, "--no-same-owner", "caddy"],
    env,
    timeoutMs: EXTRACT_TIMEOUT_MS,
  });
  if (!unpacked.ok) throw new Error(`its archive does not unpack (${unpacked.why})`);
  const program = join(folder, "caddy");
  await chmod(program, EXECUTABLE_MODE);
  const file = await open(program, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const test = await runCommand({
    command: [program, "version"],
    env,
    timeoutMs: SELF_TEST_TIMEOUT_MS,
  });
  if (!test.ok) throw new Error(`it does not run on this machine (${test.why})`);
  return program;
}

/**
 * Puts `<bin>/caddy` in place, complete and tried, or leaves things as they were.
 * @returns undefined when it is there, else why not
 */
export async function installRelease(options: ReleaseOptions): Promise<string | undefined> {
  const system = SYSTEMS[options.platform];
  const machine = MACHINES[options.arch];
  if (system === undefined || machine === undefined) {
    return `there is no release for ${options.platform} on ${options.arch}`;
  }
  const name = `caddy_${CADDY_VERSION}_${system}_${machine}.tar.gz`;
  const folderUrl = `${options.releasesUrl}/v${CADDY_VERSION}`;
  let staging: string | undefined;
  try {
    await mkdir(options.bin, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    staging = await mkdtemp(join(options.bin, ".caddy-"));
    const expected = await expectedChecksum(folderUrl, name);
    const archive = join(staging, name);
    const actual = await downloadFile(`${folderUrl}/${name}`, archive, {
      algorithm: "sha512",
      bytesMax: ARCHIVE_BYTES_MAX,
      timeoutMs: ARCHIVE_TIMEOUT_MS,
    });
    if (actual !== expected) throw new Error(`the checksum of ${name} is not the release's`);
    const program = await extract(archive, staging, options.searchPath);
    await rename(program, join(options.bin, "caddy"));
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
  }
}
