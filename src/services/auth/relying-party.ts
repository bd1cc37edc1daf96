/** For which name a passkey is made: that of the page at which the browser is (WebAuthn, "relying party identifier"). */

export interface RelyingParty {
  /** The host name alone. */
  id: string;
  origin: string;
}

/** A number is no name, and browsers make no passkeys for it. */
const NUMERIC = /^(?:[\d.]+|\[.*\])$/;
const LOOPBACK = /^(?:127\.0\.0\.1|\[::1\])$/;

/** The address of this Luna that has a name: its public one, or on this very machine `localhost`. */
function namedAddress(publicUrl: string): URL | undefined {
  const url = new URL(publicUrl);
  if (LOOPBACK.test(url.hostname)) url.hostname = "localhost";
  return NUMERIC.test(url.hostname) ? undefined : url;
}

/**
 * @param host what the browser asked for, with its port
 * @returns undefined where no passkey can be used
 */
export function relyingParty(publicUrl: string, host: string): RelyingParty | undefined {
  const named = namedAddress(publicUrl);
  return named !== undefined && named.host === host.toLowerCase()
    ? { id: named.hostname, origin: named.origin }
    : undefined;
}

/** Where this Luna's passkeys work; undefined when it has no name at all. */
export function passkeyAddress(publicUrl: string): string | undefined {
  return namedAddress(publicUrl)?.origin;
}
