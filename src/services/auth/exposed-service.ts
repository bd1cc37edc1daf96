/** Who reaches an exposed service without a session: anyone, or whoever has its key (contract 7.1). */
import type { Context } from "hono";
import type { AuditTrail } from "../../audit/trail.ts";
import { STRANGER } from "../../contract/audit.ts";
import { PRESENTED_HEADER } from "../../contract/exposure-header.ts";
import { bearerIn } from "../../lib/app.ts";
import { UnauthorizedError } from "../../lib/errors.ts";
import { publicMethod, refusedRequest } from "./edge-request.ts";
import type { Exposed } from "./routed-target.ts";
import type { ServiceKeyCheck } from "./service-keys.ts";
import { readSessionCookie } from "./session-cookie.ts";

export interface ExposedDependencies {
  serviceKeys: Pick<ServiceKeyCheck, "opens">;
  audit: Pick<AuditTrail, "record">;
}

const ANY_ORIGIN = { "Access-Control-Allow-Origin": "*" };

/** Whether a browser asks beforehand if another site's page may send a request (Fetch, "CORS-preflight request"). */
function isPreflight(context: Context): boolean {
  const { headers } = context.req.raw;
  const isAsked = headers.has("Origin") && headers.has("Access-Control-Request-Method");
  return publicMethod(context) === "OPTIONS" && isAsked;
}

/**
 * What Caddy is told of the request (src/contract/exposure-header.ts); undefined when a session decides.
 * @throws UnauthorizedError for a key that does not open the service
 */
export async function admitExposed(
  { serviceKeys, audit }: ExposedDependencies,
  context: Context,
  { service, access, cors }: Exposed,
): Promise<string | undefined> {
  if (cors && isPreflight(context)) return "preflight";
  const said = cors ? `${access};cors` : access;
  if (access === "open") return said;
  // Who brings a key is asked for it, whoever is signed in: a wrong one is never covered up.
  const presented = context.req.header(PRESENTED_HEADER) ?? "";
  if (presented === "" && readSessionCookie(context) !== undefined) return undefined;
  if (await serviceKeys.opens(service, bearerIn(presented))) return said;
  audit.record(refusedRequest(context, STRANGER, "no_service_key"));
  throw new UnauthorizedError(
    `Cannot use the service "${service}": it takes its own key, as a bearer token`,
    cors ? { headers: ANY_ORIGIN } : {},
  );
}
