/** Checks one part of a request against a zod schema. */
import type { MiddlewareHandler } from "hono";
import type { ValidationTargets } from "hono/types";
import { validator } from "hono/validator";
import type { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import { explain } from "./explain.ts";
import { withFacts } from "./route-facts.ts";

/**
 * A bad request throws, so no route's response type carries the failure,
 * and the hub's client sees only what success looks like.
 */
export function valid<Target extends keyof ValidationTargets, Schema extends z.ZodType>(
  target: Target,
  schema: Schema,
): MiddlewareHandler<
  object,
  string,
  { in: { [K in Target]: z.input<Schema> }; out: { [K in Target]: z.output<Schema> } }
> {
  const check = validator(target, (value: unknown) => {
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw new InvalidInputError(`Cannot read the request's ${target}: ${explain(parsed.error)}`, {
        details: parsed.error.issues,
        cause: parsed.error,
      });
    }
    return parsed.data;
  });
  return withFacts(check, { input: { target, schema } }) as never;
}
