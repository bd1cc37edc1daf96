/** The two documents of the Hub: its own page, which gets the page token, and the page around an extension's UI, which never does. */
import type { Context } from "hono";
import { ThingName } from "../../contract/names.ts";
import { PAGE_HEADER, PAGE_META, PAGE_TOKEN } from "../../contract/page-token.ts";
import { onNotFound } from "../../lib/app.ts";
import type { AssetStore } from "./asset-store.ts";

const PAGE = "/index.html";
const FRAMED_APP = "/framed-app.html";
/** Shown by the addresses of the Hub, never by their own. */
export const DOCUMENT_FILES: ReadonlySet<string> = new Set([PAGE, FRAMED_APP]);
/** Stands in the framed app's document for the extension's name. */
const NAME_PLACE = /__APP__/g;

/** Scripts and styles come from files alone: none inline, none from elsewhere. Nobody frames it, and it frames nobody. */
const PAGE_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "frame-src 'none'",
  "worker-src 'none'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const FRAMED_APP_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What the Hub never asks a browser for. */
const PERMISSIONS = ["camera", "display-capture", "geolocation", "microphone", "payment", "usb"]
  .map((feature) => `${feature}=()`)
  .join(", ");

function documentHeaders(context: Context, policy: string): void {
  context.header("Content-Type", "text/html; charset=utf-8");
  context.header("Content-Security-Policy", policy);
  context.header("X-Content-Type-Options", "nosniff");
  // Whether the token is in it depends on who asks, so no cache may give it to somebody else.
  context.header("Cache-Control", "no-store");
  context.header("Vary", "Sec-Fetch-Dest, Sec-Fetch-Mode, Cookie");
}

export function documents(store: AssetStore) {
  const textOf = async (path: string): Promise<string | undefined> => {
    // Never compressed: the size would tell of the secret in it (BREACH), and it is small.
    const asset = await store.read(path, []);
    return asset === undefined ? undefined : new TextDecoder().decode(asset.bytes);
  };

  /** With `Cross-Origin-Opener-Policy: same-origin`, a page that opened this one cannot reach it. */
  const showPage = async (context: Context): Promise<Response> => {
    const page = await textOf(PAGE);
    if (page === undefined) return onNotFound(context);
    const token = context.req.header(PAGE_HEADER) ?? "";
    documentHeaders(context, PAGE_POLICY);
    context.header("Cross-Origin-Opener-Policy", "same-origin");
    context.header("Permissions-Policy", PERMISSIONS);
    if (!PAGE_TOKEN.test(token)) return context.body(page);
    const meta = `<meta name="${PAGE_META}" content="${token}" />`;
    return context.body(page.replace("</head>", `  ${meta}\n  </head>`));
  };

  const showFramedApp = async (context: Context): Promise<Response> => {
    const name = ThingName.safeParse(context.req.param("name"));
    const page = name.success ? await textOf(FRAMED_APP) : undefined;
    if (!name.success || page === undefined) return onNotFound(context);
    documentHeaders(context, FRAMED_APP_POLICY);
    return context.body(page.replace(NAME_PLACE, name.data));
  };

  return { showPage, showFramedApp };
}
