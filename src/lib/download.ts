/** Downloads with bounds in size and time: to a file with its checksum, or as text. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

export interface DownloadBounds {
  bytesMax: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  headers?: Readonly<Record<string, string>>;
}

interface FileDownload extends DownloadBounds {
  algorithm: "sha256" | "sha512";
  onProgress?: ((bytes: number) => void) | undefined;
}

/** Reads a body piece by piece, and gives up as soon as it is over `bytesMax`. */
async function download(
  url: string,
  { bytesMax, timeoutMs, signal, headers = {} }: DownloadBounds,
  take: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const limit = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    headers: { ...headers },
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`${url} answered ${response.status}`);
  }
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw new Error(`${url} is over ${bytesMax} bytes`);
    await take(piece);
  }
}

/** The body as text. */
export async function downloadText(url: string, bounds: DownloadBounds): Promise<string> {
  const pieces: Uint8Array[] = [];
  await download(url, bounds, async (piece) => {
    pieces.push(piece);
  });
  return Buffer.concat(pieces).toString("utf8");
}

/**
 * Writes the body into the new file `path`, which lasts once this returns.
 * @returns its checksum, in hex
 */
export async function downloadFile(
  url: string,
  path: string,
  { algorithm, onProgress, ...bounds }: FileDownload,
): Promise<string> {
  const hash = createHash(algorithm);
  const file = await open(path, "wx");
  let bytes = 0;
  try {
    await download(url, bounds, async (piece) => {
      hash.update(piece);
      await file.writeFile(piece);
      bytes += piece.byteLength;
      onProgress?.(bytes);
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}
