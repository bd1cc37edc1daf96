/** Where a client may get its answers, and whether an address is one of those that it registered; pure. */
import type { RedirectView } from "../../../contract/oauth.ts";

/** A program on the person's own computer listens at whichever port is free (RFC 8252, 7.3). */
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?(\/[^#]*|\?[^#]*)?$/;
/** An app with a scheme of its own: one that holds its domain (RFC 8252, 7.1), or one that everybody knows. */
const APP = /^([a-z][a-z0-9+.-]*):\/\/[^\s#]+$/;
const OWN_DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/;
const KNOWN_APPS: ReadonlySet<string> = new Set([
  ...["cursor", "vscode", "vscode-insiders", "vscodium", "code-oss", "windsurf", "zed", "kiro"],
  ...["trae", "antigravity", "claude", "codex", "chatgpt", "goose", "raycast", "warp", "lmstudio"],
  ...["jetbrains", "idea", "cherrystudio", "jan", "librechat", "opencode", "amp", "augment"],
]);
/** What browsers cut out of an address or read otherwise. */
const DECEIVING = /[\p{Cc}\s\\]/u;

function appOf(uri: string): string | undefined {
  const scheme = APP.exec(uri)?.[1];
  if (scheme === undefined) return undefined;
  return KNOWN_APPS.has(scheme) || OWN_DOMAIN.test(scheme) ? scheme : undefined;
}

/** What kind of place an address is; undefined for one that no client may have. */
export function redirectView(uri: string): RedirectView | undefined {
  if (DECEIVING.test(uri) || uri.includes("#") || !URL.canParse(uri)) return undefined;
  const { protocol, host, username, password } = new URL(uri);
  if (username !== "" || password !== "") return undefined;
  if (protocol === "https:") return { kind: "web", host };
  if (protocol === "http:") return LOOPBACK.test(uri) ? { kind: "loopback", host } : undefined;
  const scheme = appOf(uri);
  return scheme === undefined ? undefined : { kind: "app", host: `${scheme}://` };
}

function sameLoopback(registered: string, asked: string): boolean {
  const [one, other] = [LOOPBACK.exec(registered), LOOPBACK.exec(asked)];
  if (one === null || other === null) return false;
  return one[1] === other[1] && (one[2] ?? "/") === (other[2] ?? "/");
}

/** The very text that was registered (OAuth 2.1, 4.1.1); on this person's own computer the port may be another one. */
export function isRegisteredRedirect(registered: readonly string[], asked: string): boolean {
  if (redirectView(asked) === undefined) return false;
  return registered.some((uri) => uri === asked || sameLoopback(uri, asked));
}

/** `uri` with what a client is told; what it has in its query stays (RFC 6749, 3.1.2). */
export function withAnswer(
  uri: string,
  answer: Readonly<Record<string, string | undefined>>,
): string {
  const query = Object.entries(answer)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    )
    .join("&");
  return `${uri}${uri.includes("?") ? "&" : "?"}${query}`;
}
