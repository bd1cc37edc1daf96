/** Inflates a stream of bytes piece by piece, and stops where it becomes more than an honest archive would. */
import { pipeline, Readable } from "node:stream";
import { createGunzip, createInflateRaw } from "node:zlib";
import { messageOf } from "../errors.ts";
import { ArchiveFault } from "./entry.ts";
import type { ArchiveLimits } from "./limits.ts";

interface InflateOptions {
  format: "gzip" | "raw";
  limits: ArchiveLimits;
}

/** @throws ArchiveFault when the data is damaged, cut off, or a bomb */
export async function* inflate(
  compressed: AsyncIterable<Uint8Array>,
  { format, limits }: InflateOptions,
): AsyncGenerator<Buffer> {
  let taken = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of compressed) {
      taken += piece.byteLength;
      yield piece;
    }
  }
  const inflater = format === "gzip" ? createGunzip() : createInflateRaw();
  // An error of either side ends the loop below by this.
  pipeline(Readable.from(counted(), { objectMode: false }), inflater, () => undefined);
  let given = 0;
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      given += piece.byteLength;
      if (given > taken * limits.ratio_max + limits.ratio_free_bytes) {
        throw new ArchiveFault(`it inflates to more than ${limits.ratio_max} times its size`);
      }
      yield piece;
    }
  } catch (error) {
    if (error instanceof ArchiveFault) throw error;
    throw new ArchiveFault(`its compressed data is damaged or cut off (${messageOf(error)})`, {
      cause: error,
    });
  } finally {
    inflater.destroy();
  }
}
