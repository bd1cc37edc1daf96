/** Records what an API with keys refused, whoever it was: a key that is no good, that is not for this, or is used too often. */
import { type AuditActor, STRANGER } from "../contract/audit.ts";
import { clientAddress } from "../lib/client-address.ts";
import type { AuditTrail } from "./trail.ts";

const REASONS: Readonly<Record<number, string>> = {
  401: "no_good_key",
  403: "not_allowed",
  429: "too_many_requests",
};

/** What a guard knows of a refusal beyond its status. */
export interface WhyRefused {
  /** In words for the owner. */
  reason: string;
  /** Who came, as far as that is known. */
  actor?: AuditActor;
}

const known = new WeakMap<Request, WhyRefused>();

/** Says why the request is about to be refused: the record of it has that. */
export function noteRefusal(request: Request, why: WhyRefused): void {
  known.set(request, why);
}

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
    const byStatus = REASONS[answer.status];
    if (byStatus === undefined) return answer;
    const { actor, reason = byStatus } = known.get(request) ?? {};
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
    audit.record({
      actor: actor ?? STRANGER,
      ...{ action: "request.refused", target: pathOf(request), outcome: "refused" },
      ...{ address: clientAddress({ header }), details: { reason, method: request.method } },
    });
    return answer;
  };
}
