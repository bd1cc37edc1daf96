/** Whether the page that sent a request is one of this very server's: the one rule for every check of `Origin`. */

/** A host and nothing around it. */
const HOST = /^[^\s/?#@\\]+$/;

/**
 * `origin` has to be the public address of the request: what the proxy in front was asked for (X-Forwarded-Host), or
 * Host when there is none; and its scheme, where the proxy tells it. The port that a scheme implies may be left out.
 */
export function isOwnOrigin(origin: string, headers: Headers): boolean {
  const host = headers.get("X-Forwarded-Host") ?? headers.get("Host") ?? "";
  if (!HOST.test(host) || !/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const scheme = headers.get("X-Forwarded-Proto");
  if (scheme !== null && page.protocol !== `${scheme}:`) return false;
  const own = `${page.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).origin === page.origin;
}
