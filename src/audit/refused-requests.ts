/** Records what an API with keys refused, whoever it was: a key that is no good, that is not for this, or is used too often. */
import { clientAddress } from "../lib/client-address.ts";
import type { AuditTrail } from "./trail.ts";

const REASONS: Readonly<Record<number, string>> = {
  401: "no_good_key",
  403: "not_allowed",
  429: "too_many_requests",
};

type Fetch<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/** Without the query, which may hold anything; a Host that makes no address is refused, and must not hinder that. */
function pathOf({ url }: Request): string {
  return URL.canParse(url) ? new URL(url).pathname : "/";
}

/** `fetch`, and what it refused is recorded; of a flood only the beginning and the count. */
export function recordingRefusals<Rest extends unknown[]>(
  fetch: Fetch<Rest>,
  audit: Pick<AuditTrail, "record">,
): Fetch<Rest> {
  return async (request, ...rest) => {
    const answer = await fetch(request, ...rest);
    const reason = REASONS[answer.status];
    if (reason === undefined) return answer;
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
    audit.record({
      actor: { kind: "anonymous", name: "" },
      ...{ action: "request.refused", target: pathOf(request), outcome: "refused" },
      ...{ address: clientAddress({ header }), details: { reason, method: request.method } },
    });
    return answer;
  };
}
