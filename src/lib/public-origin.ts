/** By which of its own addresses a request has reached this Luna: on one machine, several names lead to it. */

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * The origin that the client used: the public one, or where that is this machine, another name of the machine on the
 * same port.
 * @param publicUrl without a final slash
 * @param host what the edge was asked for (X-Forwarded-Host)
 */
export function publicOrigin(publicUrl: string, host: string | undefined): string {
  const url = new URL(publicUrl);
  if (host === undefined || !LOOPBACK_NAMES.has(url.hostname)) return url.origin;
  const asked = `${url.protocol}//${host}`;
  if (!URL.canParse(asked)) return url.origin;
  const other = new URL(asked);
  const isSame = LOOPBACK_NAMES.has(other.hostname) && other.port === url.port;
  return isSame && other.pathname === "/" && other.username === "" ? other.origin : url.origin;
}

/** Whether `address` is `path` at this Luna, by whichever of its names; a final slash makes no difference. */
export function isOwnAddress(address: string, publicUrl: string, path: string): boolean {
  if (!URL.canParse(address) || address.includes("#")) return false;
  const url = new URL(address);
  if (url.username !== "" || url.password !== "" || url.search !== "") return false;
  if (url.pathname.replace(/\/$/, "") !== path) return false;
  return (
    url.protocol === new URL(publicUrl).protocol && url.origin === publicOrigin(publicUrl, url.host)
  );
}
