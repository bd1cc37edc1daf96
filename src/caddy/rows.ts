/** One row of the route table as Caddyfile text. */
import { PAGE_HEADER } from "../contract/page-token.ts";
import { block, jsonAnswer } from "./block.ts";
import {
  bodyLimitLines,
  coreProxyLines,
  forwardAuth,
  IDENTITY,
  PRESENT_PAGE_LINE,
  type RowContext,
} from "./proxy.ts";
import { routedLines } from "./routed-row.ts";
import {
  type BodyMax,
  errorBody,
  type ProxiedRoute,
  type Route,
  type SessionRoute,
} from "./routes.ts";

const IDENTIFIED = { "X-Luna-Identity": IDENTITY };

/** Auth's answer: no page token, or one. */
const ISSUED_PAGE = "^(-|[A-Za-z0-9_-]{43})$";

/** Asks auth whether a session may pass, and refuses an answer that leaves something out. */
function sessionLines({ page }: Pick<SessionRoute, "page">, context: RowContext): string[] {
  // Without a header in auth's answer, Caddy 2.6 would hand on a literal placeholder in its place.
  const expected = page === "issue" ? { ...IDENTIFIED, [PAGE_HEADER]: ISSUED_PAGE } : IDENTIFIED;
  return [
    ...forwardAuth(context, { path: `/verify?page=${page}`, headers: Object.keys(expected) }),
    ...block(
      "@unidentified not",
      Object.entries(expected).map(([name, pattern]) => `header_regexp ${name} ${pattern}`),
    ),
    'error @unidentified "auth let a request pass without saying who asks" 503',
  ];
}

function accessLines(route: ProxiedRoute, context: RowContext): string[] {
  const setToken =
    route.token === undefined
      ? ["request_header -Authorization"]
      : [`request_header Authorization "Bearer {env.${route.token}}"`];
  switch (route.access) {
    case "public":
    case "own":
      return [];
    case "session":
      return [...sessionLines(route, context), ...setToken];
    case "key_or_session":
      return [
        "@keyless not header Authorization *",
        ...block("route @keyless", [...sessionLines(route, context), ...setToken]),
      ];
  }
}

/** On any other, the HTTP server of Luna's processes hangs up, which looks like a process that is down. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const ODD_METHOD = errorBody(
  "method_not_allowed",
  `Cannot use this method here: there are ${METHODS.join(", ")}`,
);

/** The snippet that refuses methods which Luna's own processes do not have. */
export function methodsSnippet(): string[] {
  return block("(methods)", [
    `@odd_method not method ${METHODS.join(" ")}`,
    ...block("handle @odd_method", [
      `header Allow "${METHODS.join(", ")}"`,
      ...jsonAnswer(ODD_METHOD, 405),
    ]),
  ]);
}

const BYTES: Readonly<Record<BodyMax, number>> = {
  "64KiB": 64 * 1024,
  "8MiB": 8 * 1024 * 1024,
  "32MiB": 32 * 1024 * 1024,
  "65MiB": 65 * 1024 * 1024,
};
const LENGTH = "{http.request.header.Content-Length}";

/**
 * A body that says how long it is, is refused before anything of it is sent on: an upstream that refuses it first
 * closes the connection, which looks like one that is down.
 */
function announcedLengthLines(size: BodyMax): string[] {
  return [
    `@announced expression \`${LENGTH} != "" && int(${LENGTH}) > ${BYTES[size]}\``,
    'error @announced "request body too large" 413',
  ];
}

function proxiedLines(route: ProxiedRoute, context: RowContext): string[] {
  return [
    "import methods",
    ...bodyLimitLines(route.bodyMax),
    ...announcedLengthLines(route.bodyMax),
    ...accessLines(route, context),
    ...(route.cookies === true ? [] : ["request_header -Cookie"]),
    // Answers depend on who asks; what a cache may keep says so itself.
    "header ?Cache-Control no-store",
    ...(route.stripPrefix === undefined ? [] : [`uri strip_prefix ${route.stripPrefix}`]),
    ...block(`reverse_proxy 127.0.0.1:${context.ports[route.upstream]}`, [
      ...(route.upstream === "auth" ? [PRESENT_PAGE_LINE] : []),
      ...coreProxyLines(context),
    ]),
  ];
}

function linesOf(route: Route, context: RowContext): string[] {
  switch (route.upstream) {
    case "caddy":
      return jsonAnswer(route.body, route.status);
    case "extension":
      return routedLines(context);
    default:
      return proxiedLines(route, context);
  }
}

/** A `handle` of its own (at most one matches); `route` inside keeps the lines in their order. */
export function rowLines(route: Route, context: RowContext): string[] {
  const body = block("route", linesOf(route, context));
  if (route.paths.length === 0) return block("handle", body);
  return [`@${route.name} path ${route.paths.join(" ")}`, ...block(`handle @${route.name}`, body)];
}
