/** Who asks, by the statement that the edge sends along once it has checked a session. */
import type { AuditActor, Caller } from "../contract/audit.ts";
import { verifyAssertion } from "../lib/assertion.ts";
import { clientAddress } from "../lib/client-address.ts";

interface CallerOptions {
  /** Of `assertionKey`. */
  key: string;
  /** Who it is without such a statement: whoever has the credential that was asked for. */
  otherwise: AuditActor;
}

export type CallerOf = (request: { header(name: string): string | undefined }) => Caller;

/** Returns the function that tells who made a request. */
export function callerWith({ key, otherwise }: CallerOptions): CallerOf {
  return (request) => {
    const address = clientAddress(request);
    const signed = request.header("X-Luna-Identity");
    const owner =
      signed === undefined ? undefined : verifyAssertion(signed, { key, now: Date.now() });
    return owner === undefined
      ? { actor: otherwise, address }
      : { actor: { kind: "owner", name: owner.name }, address, session: owner.session };
  };
}
