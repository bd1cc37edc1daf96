/** Who may use the agent API: the owner behind the edge, and whoever has a good key. */
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { type Access, type KeyGate, wholeAccess } from "../../api-keys/key-gate.ts";
import { insufficientScope } from "../../api-keys/scopes.ts";
import type { CallerOf } from "../../audit/caller.ts";
import { bearerOf } from "../../lib/app.ts";
import { withFacts } from "../../lib/route-facts.ts";
import { hashSecret, sameHash } from "../../lib/secret.ts";

const WHAT = "the agent API";

interface AccessVariables {
  Variables: { access: Access };
}

interface AccessOptions {
  gate: KeyGate;
  /** What Caddy presents once it had a session checked. */
  edgeToken: string;
  /** Whose session that was. */
  callerOf: CallerOf;
}

/** Lets a good key through, tells of its limit, and sets `access`. */
export function requireAccess({ gate, edgeToken, callerOf }: AccessOptions) {
  const edgeHash = hashSecret(edgeToken);
  const guard: MiddlewareHandler<AccessVariables> = createMiddleware(async (context, next) => {
    const hash = hashSecret(bearerOf(context.req));
    const access = sameHash(hash, edgeHash)
      ? wholeAccess(callerOf(context.req).actor)
      : await gate.admit(hash, WHAT);
    if (access.scopes.agents.length === 0) throw insufficientScope(`use ${WHAT}`, "an agent");
    context.set("access", access);
    await next();
    for (const [name, value] of Object.entries(access.headers)) {
      context.res.headers.set(name, value);
    }
  });
  return withFacts(guard, { guard: WHAT });
}
