/** The one-time token of a sign-in link: out of the address at once, and handed out once. */

let token: string | undefined;

/** Takes `#t=<token>` out of the address, so that neither the history nor a screenshot keeps it. */
export function captureSignInToken(): void {
  const found = new URLSearchParams(location.hash.slice(1)).get("t");
  if (found === null) return;
  token = found;
  history.replaceState(history.state, "", location.pathname + location.search);
}

/** The captured token; the second caller gets none, as the server takes it only once. */
export function consumeSignInToken(): string | undefined {
  const captured = token;
  token = undefined;
  return captured;
}
