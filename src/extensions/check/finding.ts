/** What a check of an extension found, and how fields that nobody reads are found. */
import type { z } from "zod";
import { didYouMean } from "../../lib/did-you-mean.ts";

export interface Finding {
  /** An `error` keeps something from working; a `warning` could be better. */
  severity: "error" | "warning";
  /** The path inside the extension; "" for the folder itself. */
  file: string;
  field?: string;
  message: string;
}

/** Fields near to one that there is: a slip, as settings of the extension's own may have any name. */
export function misspelled(
  fields: Readonly<Record<string, unknown>>,
  { shape, file, within = "" }: { shape: z.ZodRawShape; file: string; within?: string },
): Finding[] {
  const known = Object.keys(shape);
  return Object.keys(fields).flatMap((field): Finding[] => {
    const meant = known.includes(field) ? "" : didYouMean(field, known);
    if (meant === "") return [];
    const message = `Luna knows no field of this name.${meant}`;
    return [{ severity: "warning", file, field: within + field, message }];
  });
}
