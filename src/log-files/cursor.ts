/** Where a page of lines begins and ends in every log, as one opaque text. */
import { z } from "zod";
import { InvalidInputError } from "../lib/errors.ts";

const Offset = z.int().nonnegative();
const Spans = z.record(z.string(), z.tuple([Offset, Offset]));

/** By the log's name: the offsets of its first line on the page, and behind its last one. */
export type Spans = ReadonlyMap<string, { start: number; end: number }>;

export function encodeCursor(spans: Spans): string {
  const plain = Object.fromEntries(
    [...spans].map(([name, { start, end }]) => [name, [start, end]]),
  );
  return Buffer.from(JSON.stringify(plain)).toString("base64url");
}

/** @throws InvalidInputError for what no page came with */
export function decodeCursor(cursor: string): Spans {
  try {
    const plain = Spans.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
    return new Map(Object.entries(plain).map(([name, [start, end]]) => [name, { start, end }]));
  } catch (cause) {
    throw new InvalidInputError(
      "Cannot go on from this cursor: it should be one that an earlier page of logs came with",
      { cause },
    );
  }
}
