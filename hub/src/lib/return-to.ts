/** Where to go after signing in: only an address of this very Luna, whatever the link says. */

const HOME = "/";
const SIGN_IN = "/login";

/**
 * The path, query and fragment of `wanted` when it is an address of `origin`, else the start page.
 * Browsers read `//x`, `/\x` and tabs inside as other hosts, so the URL parser decides, not a prefix.
 */
export function safeReturnTo(wanted: string | undefined, origin: string): string {
  if (wanted === undefined || !wanted.startsWith("/") || !URL.canParse(wanted, origin)) return HOME;
  const url = new URL(wanted, origin);
  if (url.origin !== origin || url.pathname === SIGN_IN) return HOME;
  return url.pathname + url.search + url.hash;
}

/** The address of the sign-in page that leads back to where `location` is now. */
export function signInAddress(location: { pathname: string; search: string }): string {
  const here = location.pathname + location.search;
  return here === HOME ? SIGN_IN : `${SIGN_IN}?returnTo=${encodeURIComponent(here)}`;
}
