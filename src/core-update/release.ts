/** Luna's own releases, as GitHub's API tells them: the program for this machine, and its checksum. */
import { z } from "zod";
import { type DownloadBounds, downloadText } from "../lib/download.ts";
import { messageOf, UpstreamError } from "../lib/errors.ts";

const ANSWER_BYTES_MAX = 1024 * 1024;
const CHECKSUMS_BYTES_MAX = 64 * 1024;
const TIMEOUT_MS = 30_000;
const CHECKSUMS_ASSET = "SHA256SUMS";

/** https://docs.github.com/rest/releases/releases#get-the-latest-release */
const ReleaseAnswer = z.looseObject({
  tag_name: z.string(),
  body: z.string().nullable().default(null),
  published_at: z.string().nullable().default(null),
  assets: z.array(z.looseObject({ name: z.string(), browser_download_url: z.url() })),
});

export interface Release {
  version: string;
  published_at: string | null;
  notes: string;
  /** Of the program for this machine. */
  url: string;
  checksumsUrl: string;
  /** The program's name among the checksums. */
  asset: string;
}

interface ReleaseOptions {
  apiUrl: string;
  /** `owner/name` */
  repository: string;
  /** `latest`, or a version. */
  version: string;
  platform: string;
  arch: string;
  signal?: AbortSignal | undefined;
}

async function ask(url: string, signal: AbortSignal | undefined): Promise<unknown> {
  const bounds: DownloadBounds = {
    bytesMax: ANSWER_BYTES_MAX,
    timeoutMs: TIMEOUT_MS,
    signal,
    headers: { Accept: "application/vnd.github+json", "User-Agent": "luna" },
  };
  try {
    return JSON.parse(await downloadText(url, bounds));
  } catch (cause) {
    throw new UpstreamError(`Cannot look for a release of Luna: ${messageOf(cause)}`, { cause });
  }
}

/**
 * What the release of `version` offers for this machine.
 * @throws UpstreamError in words, when there is none or nobody answers
 */
export async function findRelease(options: ReleaseOptions): Promise<Release> {
  const { apiUrl, repository, version, platform, arch, signal } = options;
  const which = version === "latest" ? "latest" : `tags/v${encodeURIComponent(version)}`;
  const url = `${apiUrl}/repos/${repository}/releases/${which}`;
  const parsed = ReleaseAnswer.safeParse(await ask(url, signal));
  if (!parsed.success) {
    throw new UpstreamError(`Cannot look for a release of Luna: ${url} is no answer of GitHub's`);
  }
  const { tag_name, body, published_at, assets } = parsed.data;
  const asset = `luna-${platform}-${arch}`;
  const addressOf = (name: string): string => {
    const found = assets.find((one) => one.name === name)?.browser_download_url;
    if (found !== undefined) return found;
    throw new UpstreamError(
      `Cannot use the release ${tag_name} of "${repository}": it has no file "${name}"`,
    );
  };
  return {
    version: tag_name.replace(/^v/, ""),
    ...{ published_at, notes: body ?? "", asset },
    url: addressOf(asset),
    checksumsUrl: addressOf(CHECKSUMS_ASSET),
  };
}

/** The SHA-256 (hex) of the program, from the lines `<hex>  <name>` of the release. */
export async function checksumOf(
  { checksumsUrl, asset, version }: Release,
  signal: AbortSignal | undefined,
): Promise<string> {
  const bounds = { bytesMax: CHECKSUMS_BYTES_MAX, timeoutMs: TIMEOUT_MS, signal };
  const text = await downloadText(checksumsUrl, bounds).catch((cause: unknown) => {
    throw new UpstreamError(`Cannot read the checksums of Luna ${version}: ${messageOf(cause)}`, {
      cause,
    });
  });
  for (const line of text.split("\n")) {
    const [checksum, file] = line.trim().split(/\s+\*?/);
    if (file === asset && checksum !== undefined && /^[0-9a-f]{64}$/.test(checksum)) {
      return checksum;
    }
  }
  throw new UpstreamError(`Cannot use the release ${version}: its checksums do not name ${asset}`);
}
