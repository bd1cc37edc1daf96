/** The row of extensions as Caddyfile text: auth says where each request leads, and nothing of Luna's goes along. */
import { SESSION_COOKIE } from "../contract/auth.ts";
import { EXPOSURE_HEADER } from "../contract/exposure-header.ts";
import { block } from "./block.ts";
import { bodyLimitLines, forwardAuth, IDENTITY, proxyLines, type RowContext } from "./proxy.ts";
import type { BodyMax } from "./routes.ts";

/** Only ever this machine, whatever the table of paths says. */
const UPSTREAM = "^127[.]0[.]0[.]1:[0-9]+$";
/** `ext/<extension>`, `ext_service/<slug>`, `api/<extension>` or a path below it; `-` leaves the path whole. */
const PREFIX = "^(-|ext/[a-z0-9_-]+|ext_service/[a-z0-9-]+|api/[a-z0-9_-]+(/[A-Za-z0-9_-]+){0,5})$";
/** As src/contract/exposure-header.ts has it. */
const EXPOSURE = "^(-|preflight|(open|key)(;cors)?)$";

/** Of what is sent to an extension. */
const BODY_MAX: BodyMax = "32MiB";

const SESSION = `(__Host-)?${SESSION_COOKIE}[[:space:]]*=`;
/** As auth reads a Cookie header; `$1` keeps what stood before. */
const SESSION_IN_COOKIES = `(^|[;[:space:]])(${SESSION}[^;]*(;[[:space:]]*|$))+`;
/** The empty group stands for nothing: Caddy wants a replacement that is not empty. */
const SESSION_IN_SET_COOKIE = `^()[[:space:]]*${SESSION}.*`;
/** Keys of Luna's own; any other authorization is between the extension and its pages. */
const LUNA_KEY = "(?i)^[[:space:]]*Bearer[[:space:]]+sk-luna-";

/**
 * What an extension's page may load and run is the extension's business. Framed it may be by the Hub
 * alone, unless its own policy says otherwise.
 */
const DEFAULT_CSP = "frame-ancestors 'self'";

/** Without a header in auth's answer, Caddy 2.6 would hand on a literal placeholder in its place. */
const GUARD_LINES = [
  ...block("@unrouted not", [
    `header_regexp X-Luna-Identity ${IDENTITY}`,
    `header_regexp X-Luna-Upstream ${UPSTREAM}`,
    "header_regexp X-Luna-Scheme ^https?$",
    `header_regexp X-Luna-Prefix ${PREFIX}`,
    `header_regexp ${EXPOSURE_HEADER} ${EXPOSURE}`,
  ]),
  'error @unrouted "auth let a request pass without saying who and where to" 503',
];

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const PREFLIGHT_SECONDS = 600;

/**
 * Other sites' pages may use a service that says so, and never with cookies: without
 * `Access-Control-Allow-Credentials` browsers send none and show no answer to a request that had some.
 */
const CORS_LINES = [
  `@preflight header ${EXPOSURE_HEADER} preflight`,
  ...block("route @preflight", [
    ...block("header", [
      "Access-Control-Allow-Origin *",
      `Access-Control-Allow-Methods "${METHODS}"`,
      // The asterisk stands for any but this one.
      'Access-Control-Allow-Headers "*, Authorization"',
      `Access-Control-Max-Age ${PREFLIGHT_SECONDS}`,
    ]),
    "respond 204",
  ]),
  `@cors header_regexp ${EXPOSURE_HEADER} ;cors$`,
  ...block("header @cors", [
    "Access-Control-Allow-Origin *",
    "Cross-Origin-Resource-Policy cross-origin",
    "defer",
  ]),
];

/** An extension's process reads all that it is sent: what opens Luna's own doors stays here. */
const CONFIDENTIAL_LINES = [
  `@keyed header_regexp ${EXPOSURE_HEADER} ^key`,
  "request_header @keyed -Authorization",
  "@nobody header X-Luna-Identity -",
  "request_header @nobody -X-Luna-Identity",
  `@luna_key header_regexp Authorization "${LUNA_KEY}"`,
  "request_header @luna_key -Authorization",
  `request_header Cookie "${SESSION_IN_COOKIES}" $1`,
  'request_header Cookie "()[;[:space:]]+$" $1',
  '@no_cookie not header_regexp Cookie "[^[:space:]]"',
  "request_header @no_cookie -Cookie",
];

/**
 * Taken off as a prefix, not put in by `rewrite`: that encodes the path a second time and rebuilds the query.
 * X-Forwarded-Prefix tells the extension what its links have to begin with.
 */
const PREFIX_LINES = [
  "@prefixed header_regexp X-Luna-Prefix /",
  ...block("route @prefixed", [
    "request_header X-Forwarded-Prefix /{http.request.header.X-Luna-Prefix}",
    "uri strip_prefix /{http.request.header.X-Luna-Prefix}",
  ]),
];

/**
 * What an answer may not say on Luna's own origin: that other sites' pages read it as its owner does, who is signed in, what the browser keeps of the origin, that it
 * report every request or go to another port, and that the page shares the Hub's opener policy: of two pages with the
 * same one, which opened the other could read it.
 */
const RESERVED_HEADERS = [
  "Access-Control-Allow-Credentials",
  "Cross-Origin-Opener-Policy*",
  "Clear-Site-Data",
  "Service-Worker-Allowed",
  "NEL",
  "Report-To",
  "Alt-Svc",
];
const ANSWER_LINES = [
  `header_down Set-Cookie "${SESSION_IN_SET_COOKIE}" $1`,
  ...RESERVED_HEADERS.map((name) => `header_down -${name}`),
];

/**
 * Host stays the public one, unlike towards Luna's own processes: programs that compare `Origin` with `Host`
 * (Tornado, Django, Rails) would refuse their own pages.
 */
export function routedLines(context: RowContext): string[] {
  return [
    ...bodyLimitLines(BODY_MAX),
    ...forwardAuth(context, {
      path: "/route",
      headers: [
        ...["X-Luna-Identity", "X-Luna-Upstream", "X-Luna-Scheme", "X-Luna-Prefix"],
        EXPOSURE_HEADER,
      ],
      presents: true,
    }),
    ...GUARD_LINES,
    ...CORS_LINES,
    ...CONFIDENTIAL_LINES,
    ...PREFIX_LINES,
    `header ?Content-Security-Policy "${DEFAULT_CSP}"`,
    "@tls header X-Luna-Scheme https",
    ...upstreamLines(context, { matcher: "@tls ", transport: TLS_LINES }),
    ...upstreamLines(context, { matcher: "", transport: [] }),
  ];
}

/** On this machine, with a certificate that it made for itself: there is nobody in between. */
const TLS_LINES = block("transport http", ["tls", "tls_insecure_skip_verify"]);

function upstreamLines(
  context: RowContext,
  { matcher, transport }: { matcher: string; transport: readonly string[] },
): string[] {
  return block(`reverse_proxy ${matcher}{http.request.header.X-Luna-Upstream}`, [
    ...transport,
    "header_up -X-Luna-Upstream",
    "header_up -X-Luna-Scheme",
    "header_up -X-Luna-Prefix",
    `header_up -${EXPOSURE_HEADER}`,
    ...ANSWER_LINES,
    ...proxyLines(context),
  ]);
}
