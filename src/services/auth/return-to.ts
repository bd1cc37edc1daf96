/** Where to go after signing in: only a path of this Luna, whatever the address says. */

const LENGTH_MAX = 2048;
/** Browsers drop tabs and line ends from addresses, and read a backslash as a slash. */
const DECEIVING = /[\p{Cc}\\]/u;
/** The sign-in page itself would lead nowhere. */
const SIGN_IN_PAGE = /^\/login(?:[/?#]|$)/;

/** Whether `target` is an absolute path on this origin, as every browser reads it. */
function isOwnPath(target: string): boolean {
  if (!target.startsWith("/") || target.length > LENGTH_MAX || DECEIVING.test(target)) return false;
  const [path = ""] = target.split(/[?#]/);
  return !path.includes("//");
}

/** `target`, if that is a path of this Luna to come back to; else its beginning. */
export function ownPath(target: string | undefined): string {
  return target !== undefined && isOwnPath(target) && !SIGN_IN_PAGE.test(target) ? target : "/";
}

/** The sign-in page's address, which comes back to `target` if that is a path of this Luna. */
export function signInAddress(
  target: string | undefined,
  more: Readonly<Record<string, string>> = {},
): string {
  const path = ownPath(target);
  const query = Object.entries({ ...(path === "/" ? {} : { returnTo: path }), ...more })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
  return query === "" ? "/login" : `/login?${query}`;
}

/** Where sign-in with GitHub begins, coming back to `target` if that is a path of this Luna. */
export function githubAddress(target: string | undefined): string {
  const path = ownPath(target);
  return path === "/" ? "/auth/github" : `/auth/github?returnTo=${encodeURIComponent(path)}`;
}
