/** The built Hub over HTTP: compressed variants, validators, caching, and the page itself for every address of its own. */
import { Hono } from "hono";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import type { Logger } from "../../lib/log.ts";
import { AssetStore, type Encoding } from "./asset-store.ts";

/**
 * Scripts and styles come from files alone: none inline, none from elsewhere.
 * Caddy sends it for every answer; here it also covers the Hub when it is asked directly.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join("; ");

const PAGE = "/index.html";
/** Names in this folder carry a hash of the content: another content has another name. */
const HASHED_FOLDER = "/assets/";
const FOREVER = "public, max-age=31536000, immutable";

/** The best encoding that the browser takes (RFC 9110, 12.5.3); only `;q=0` forbids one that is named. */
export function encodingsFor(acceptEncoding: string): Encoding[] {
  const accepted = new Set<string>();
  for (const part of acceptEncoding.split(",")) {
    const [name = "", ...parameters] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) accepted.add(name);
  }
  return (["br", "gzip"] as const).filter((encoding) => accepted.has(encoding));
}

/** Whether a person is going to this address in a browser, and it can be one of the Hub's own. */
function isNavigation(request: { path: string; header(name: string): string | undefined }) {
  // A dot marks a file (/app.js) or a well-known address; answering those with a page misleads clients.
  if (request.path.includes(".")) return false;
  const mode = request.header("Sec-Fetch-Mode");
  if (mode !== undefined) return mode === "navigate";
  return (request.header("Accept") ?? "").includes("text/html");
}

/** Whether `If-None-Match` names `etag` (weak comparison, RFC 9110, 13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((tag) => {
    const name = tag.trim().replace(/^W\//, "");
    return name === "*" || name === etag;
  });
}

interface HubDeps {
  /** Public path → file, with compressed variants beside as `<path>.br` and `<path>.gz`. */
  assets: Readonly<Record<string, string>>;
  log: Logger;
}

export function createHubApp({ assets, log }: HubDeps) {
  const store = new AssetStore(assets);
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .use(loopbackHost)
    .get("/healthz", (context) => context.json({ status: "ok" as const }))
    .get("*", async (context) => {
      const { req } = context;
      const path = store.has(req.path) ? req.path : isNavigation(req) ? PAGE : undefined;
      const encodings = encodingsFor(req.header("Accept-Encoding") ?? "");
      const asset = path === undefined ? undefined : await store.read(path, encodings);
      if (path === undefined || asset === undefined) return onNotFound(context);

      context.header("ETag", asset.etag);
      context.header("Cache-Control", path.startsWith(HASHED_FOLDER) ? FOREVER : "no-cache");
      context.header("Vary", "Accept-Encoding");
      context.header("X-Content-Type-Options", "nosniff");
      if (path === PAGE) context.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
      if (matches(req.header("If-None-Match"), asset.etag)) return context.body(null, 304);

      context.header("Content-Type", asset.type);
      if (asset.encoding !== undefined) context.header("Content-Encoding", asset.encoding);
      return context.body(asset.bytes);
    });
}
