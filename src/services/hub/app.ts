/** The built Hub over HTTP: compressed variants, validators, caching, and the page itself for every address of its own. */
import { Hono } from "hono";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import type { Logger } from "../../lib/log.ts";
import { AssetStore, type Encoding } from "./asset-store.ts";
import { DOCUMENT_FILES, documents } from "./documents.ts";

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
  const { showFramedApp, showPage } = documents(store);
  return new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .use(loopbackHost)
    .get("/healthz", (context) => context.json({ status: "ok" as const }))
    .get("/apps/:name", showFramedApp)
    .get("/apps/:name/", showFramedApp)
    .get("*", async (context) => {
      const { req } = context;
      if (!store.has(req.path) || DOCUMENT_FILES.has(req.path)) {
        return isNavigation(req) ? showPage(context) : onNotFound(context);
      }
      const asset = await store.read(req.path, encodingsFor(req.header("Accept-Encoding") ?? ""));
      if (asset === undefined) return onNotFound(context);
      context.header("ETag", asset.etag);
      context.header("Cache-Control", req.path.startsWith(HASHED_FOLDER) ? FOREVER : "no-cache");
      context.header("Vary", "Accept-Encoding");
      context.header("X-Content-Type-Options", "nosniff");
      if (matches(req.header("If-None-Match"), asset.etag)) return context.body(null, 304);

      context.header("Content-Type", asset.type);
      if (asset.encoding !== undefined) context.header("Content-Encoding", asset.encoding);
      return context.body(asset.bytes);
    });
}
