/** Tells what is wrong with an extension's file as data, from the error of whoever read it. */
import { ZodError } from "zod";
import type { ExtensionProblem } from "../contract/extension.ts";
import { InvalidInputError, LunaError, messageOf } from "../lib/errors.ts";
import { fieldName } from "../lib/explain.ts";

const FIX = "Correct the file; Luna takes it up by itself.";

type Where = Pick<ExtensionProblem, "extension" | "file"> & { fix?: string };

/** An error whose field no schema finds says it itself. */
export function fieldError(message: string, field: string): InvalidInputError {
  return new InvalidInputError(message, { details: { field } });
}

function fieldOf(error: unknown): string | undefined {
  if (!(error instanceof LunaError)) return undefined;
  const { cause, details } = error;
  if (cause instanceof ZodError) return fieldName(cause.issues[0]?.path ?? []) || undefined;
  const isNamed = typeof details === "object" && details !== null && "field" in details;
  return isNamed ? String(details.field) : undefined;
}

export function problemOf(error: unknown, { extension, file, fix = FIX }: Where): ExtensionProblem {
  const field = fieldOf(error);
  const told = { message: messageOf(error), fix };
  return { extension, file, ...(field === undefined ? {} : { field }), ...told };
}
