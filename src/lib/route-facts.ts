/** What a route's handlers say of it besides acting: what it takes, what it answers, who may pass. */
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import type { ValidationTargets } from "hono/types";
import { findTargetHandler } from "hono/utils/handler";
import type { z } from "zod";

interface RouteFacts {
  /** A part of the request and the schema it is checked against. */
  input?: { target: keyof ValidationTargets; schema: z.ZodType };
  answer?: Answer;
  /** What asks for a credential, as its refusal names it. */
  guard?: string;
}

export interface Answer {
  /** What the route does, in a few words. */
  summary: string;
  status: number;
  /** The content's media type; none for a status without content. */
  type: string | undefined;
  schema: z.ZodType | undefined;
}

const FACTS = new WeakMap<object, RouteFacts>();

/** Notes facts of a handler; whoever walks an app's `routes` finds them again with `factsOf`. */
export function withFacts<Handler extends object>(handler: Handler, facts: RouteFacts): Handler {
  FACTS.set(handler, facts);
  return handler;
}

export function factsOf(handler: MiddlewareHandler): RouteFacts {
  // A handler of an app with an error handler of its own is wrapped when the app is mounted.
  return FACTS.get(findTargetHandler(handler)) ?? {};
}

/** Says what the route answers when all is well; a second one on the same route adds a media type. */
export function answers(
  summary: string,
  schema: z.ZodType | undefined,
  { status = 200, type = "application/json" }: { status?: number; type?: string } = {},
) {
  const pass = createMiddleware<object>(async (_context, next) => {
    await next();
  });
  const answer = { summary, status, type: schema === undefined ? undefined : type, schema };
  return withFacts(pass, { answer });
}
