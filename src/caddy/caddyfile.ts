/** The Caddyfile as text, from the route table and the deployment; pure, and without any secret in it. */
import { PAGE_HEADER } from "../contract/page-token.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { type Deployment, type EdgeAddress, edgeAddress } from "./address.ts";
import { block, jsonAnswer, pathToken } from "./block.ts";
import {
  BODY_MAX_VARIABLE,
  bodyLimitLines,
  CLIENT_VARIABLE,
  PAGE_VARIABLE,
  type RowContext,
} from "./proxy.ts";
import { type BodyMax, errorBody, ROUTES } from "./routes.ts";
import { methodsSnippet, rowLines } from "./rows.ts";

/** The most of any row, which each makes smaller; no more than who gets it takes (src/lib/serve.ts), so that the refusal is Luna's JSON. */
const BODY_MAX: BodyMax = "65MiB";
/** What Bun takes, so what the core services take. */
const HEADERS_MAX = "16KiB";
/** For clients that send their headers slowly. */
const READ_HEADER_SECONDS = 10;
/**
 * For clients that send their bodies slowly: the largest one takes so long at half a megabit a second. It ends with
 * the body, so streamed answers and sockets last as long as they like.
 */
const READ_BODY_MINUTES = 10;
const IDLE_MINUTES = 2;
/** What open streams get when Caddy is told to stop. */
const GRACE_SECONDS = 2;
/** A year. */
const HSTS_SECONDS = 31_536_000;
/** `sun_path` of Linux holds 108 bytes, the last one zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** For what is no document; the Hub's documents have policies of their own. */
const CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/**
 * Spellings that Caddy and an upstream could read differently: repeated slashes, dot segments, and encoded
 * dots, slashes, backslashes and zeros. Compared with the path as it was sent, in its encoded form.
 */
const AMBIGUOUS = "^[^?]*(//|/[.]{1,2}([/?]|$)|%(2[EeFf]|5[Cc]|00))";

export interface CaddyfileOptions extends Deployment {
  /** The unix socket of Caddy's admin API, which has no login. */
  adminSocket: string;
  /** Certificates and whatever else Caddy keeps. */
  dataDir: string;
}

/** @throws InvalidInputError when the home's path is too long for a socket in it */
export function adminAddress(socket: string): string {
  const bytes = Buffer.byteLength(socket);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new InvalidInputError(
      `Cannot open Caddy's socket "${socket}": its path is ${bytes} bytes long, ` +
        `it should be ${SOCKET_PATH_BYTES_MAX} at most; move Luna's home to a shorter path`,
    );
  }
  return pathToken(`unix/${socket}`);
}

/** JSON to standard error. Headers (cookies, keys) and queries (one-time codes) are never written. */
const LOG_LINES = [
  "output stderr",
  ...block("format filter", [
    "wrap json",
    ...block("fields", [
      "request>headers delete",
      "resp_headers delete",
      'request>uri regexp "[?].*" ""',
    ]),
  ]),
];

/**
 * What Caddy itself could not do. Every site has it: Caddy 2.6 finds a request's log by its Host with port, and the
 * site without a name catches those that a tunnel sends without one.
 */
const FAILURE_LOG_LINES = ["log"];

/** Of requests, as Caddy 2.6 and later ones call it. */
const noLogLines = (isQuiet: boolean): string[] =>
  ["skip_log", "log_skip"].map((name) => `vars ${name} ${isQuiet}`);

/** HTTP/3 is off: a UDP listener more, for a private hub that gains nothing by it. */
const SERVER_LINES = block("servers", [
  "protocols h1 h2",
  `max_header_size ${HEADERS_MAX}`,
  ...block("timeouts", [
    `read_body ${READ_BODY_MINUTES}m`,
    `read_header ${READ_HEADER_SECONDS}s`,
    `idle ${IDLE_MINUTES}m`,
  ]),
]);

function globalOptions(options: CaddyfileOptions, address: EdgeAddress): string[] {
  const { tls, port, redirectPort } = address;
  return block("", [
    `admin ${adminAddress(options.adminSocket)}`,
    `storage file_system ${pathToken(options.dataDir)}`,
    ...(tls ? [`http_port ${redirectPort}`, `https_port ${port}`] : ["auto_https off"]),
    `grace_period ${GRACE_SECONDS}s`,
    ...block("log", LOG_LINES),
    ...SERVER_LINES,
  ]);
}

/** A policy of the upstream's own (a page that is framed, a consent page) wins over the default one. */
function headersSnippet({ https }: EdgeAddress): string[] {
  return block("(headers)", [
    ...block("header", [
      "X-Content-Type-Options nosniff",
      // "no-referrer" would make browsers send `Origin: null` with forms, which verify refuses.
      "Referrer-Policy same-origin",
      ...(https ? [`Strict-Transport-Security "max-age=${HSTS_SECONDS}"`] : []),
      `?Content-Security-Policy "${CSP}"`,
      "-Server",
      "defer",
    ]),
    // By itself: of several such lines in one block, each waits for all of their headers to be missing.
    "header ?Cross-Origin-Resource-Policy same-origin",
  ]);
}

/**
 * Nothing that Luna's processes believe may come from outside. `X-Luna*` and `X_Luna*` take every mix of hyphen
 * and underscore; of X-Luna-Trace, which asks for tool steps and opens nothing, the value 1 is put back. The page
 * token is set aside for auth.
 */
const STRIP_LINES = [
  "@trace header X-Luna-Trace 1",
  "vars @trace luna_trace 1",
  `vars ${PAGE_VARIABLE} {http.request.header.${PAGE_HEADER}}`,
  ...["X-Luna*", "X_Luna*", "X-Forwarded*", "X_Forwarded*", "X-Real-Ip", "Forwarded"].map(
    (name) => `request_header -${name}`,
  ),
  "@traced vars luna_trace 1",
  "request_header @traced X-Luna-Trace 1",
];

/** The last hop of all that arrived: the tunnel's own word. Those before it are whatever the client wrote. */
const LAST_HOP = "(?:^|[,[:space:]])([0-9A-Fa-f.:]+)[[:space:]]*$";
const TUNNEL_LINES = [
  `@client vars_regexp client {http.request.header.X-Forwarded-For} "${LAST_HOP}"`,
  `vars @client ${CLIENT_VARIABLE} {http.regexp.client.1}`,
];

const AMBIGUOUS_ANSWER = errorBody(
  "invalid_input",
  "Cannot route this path: it has empty or dot segments, or encoded dots or slashes",
);
const AMBIGUOUS_LINES = [
  `@ambiguous vars_regexp {http.request.uri} "${AMBIGUOUS}"`,
  ...block("handle @ambiguous", jsonAnswer(AMBIGUOUS_ANSWER, 400)),
];

/**
 * Browsers ask so for the script of a service worker, which would answer navigations in the server's place, with headers
 * that no answer of an extension may have. Extensions share the Hub's origin, so nobody gets one.
 */
const NO_WORKER_LINES = [
  "@service_worker header Service-Worker *",
  ...block(
    "handle @service_worker",
    jsonAnswer(
      errorBody("forbidden", "Luna's pages and its extensions have no service workers"),
      403,
    ),
  ),
];

const UNAVAILABLE = errorBody(
  "unavailable",
  "This part of Luna does not answer at the moment; it is probably being started again",
);
const EXTENSION_UNAVAILABLE = errorBody(
  "unavailable",
  "This extension or service does not answer at the moment; it is stopped, or being started again",
);
const TOO_LARGE = errorBody(
  "too_large",
  `Cannot take this request: its body is over {http.vars.${BODY_MAX_VARIABLE}}`,
);
const FAILED = errorBody("error", "Luna could not answer this request");

const RETRY_LINE = "header Retry-After 1";

const ERROR_LINES = block("handle_errors", [
  "import headers",
  ...noLogLines(false),
  // Known by its text: Caddy 2.6 calls a body that was announced with its length a failure of the upstream.
  '@too_large vars_regexp {err.message} "request body too large"',
  ...block("handle @too_large", jsonAnswer(TOO_LARGE, 413)),
  // Nobody listened, so nothing was sent: only the row of extensions has this header by now.
  ...block("@extension_down", ["header X-Luna-Upstream *", 'vars_regexp {err.message} "^dial "']),
  ...block("handle @extension_down", [RETRY_LINE, ...jsonAnswer(EXTENSION_UNAVAILABLE, 503)]),
  "@unavailable vars {err.status_code} 502 503 504",
  ...block("handle @unavailable", [RETRY_LINE, ...jsonAnswer(UNAVAILABLE, "{err.status_code}")]),
  ...block("handle", jsonAnswer(FAILED, "{err.status_code}")),
]);

function lunaSnippet(context: RowContext): string[] {
  return block("(luna)", [
    "import headers",
    ...FAILURE_LOG_LINES,
    ...block("route", [
      // What an upstream refuses is for its own log: strangers would fill this one with a line for each try.
      ...noLogLines(true),
      ...bodyLimitLines(BODY_MAX),
      ...AMBIGUOUS_LINES,
      ...NO_WORKER_LINES,
      ...(context.behindTunnel ? TUNNEL_LINES : []),
      ...STRIP_LINES,
      ...ROUTES.flatMap((route) => rowLines(route, context)),
    ]),
    ...ERROR_LINES,
  ]);
}

const MISDIRECTED = errorBody(
  "misdirected",
  "Luna does not answer to this host name; deployment_mode and public_domain say which one it is",
);

/** What a request gets whose Host is none of Luna's (DNS rebinding, a wrong name): never an empty 200. */
const STRANGER_SNIPPET = block("(stranger)", [
  "import headers",
  ...FAILURE_LOG_LINES,
  ...noLogLines(true),
  ...block("@probe", ["host 127.0.0.1 localhost", "path /healthz", "remote_ip 127.0.0.0/8"]),
  ...block("handle @probe", jsonAnswer(JSON.stringify({ status: "ok" }), 200)),
  ...block("handle", jsonAnswer(MISDIRECTED, 421)),
]);

const ON_LOOPBACK = "bind 127.0.0.1";

function sites(options: CaddyfileOptions, address: EdgeAddress): string[][] {
  const { tls, hosts, port } = address;
  const scheme = tls ? "https" : "http";
  const bind = tls ? [] : [ON_LOOPBACK];
  const names = hosts.map((host) => `${scheme}://${host}:${port}`).join(", ");
  const loopbackPort = options.ports.caddy;
  return [
    block(names, [...bind, "import luna"]),
    block(`${scheme}://:${port}`, [...bind, "import stranger"]),
    // The supervisor's probe needs a port without TLS in every mode.
    ...(port === loopbackPort
      ? []
      : [block(`http://:${loopbackPort}`, [ON_LOOPBACK, "import stranger"])]),
  ];
}

/**
 * The Caddyfile of one deployment. Tokens appear as `{env.NAME}`, which Caddy reads when a request
 * comes (`{$NAME}` would write them into the loaded configuration).
 * @throws InvalidInputError when the deployment's domain or the home's path cannot be served
 */
export function renderCaddyfile(options: CaddyfileOptions): string {
  const address = edgeAddress(options);
  const context: RowContext = {
    ports: options.ports,
    forwardedProto: address.https && !address.tls ? "https" : undefined,
    behindTunnel: address.tunnel,
  };
  const parts = [
    ["# Generated by Luna; changes are overwritten.", ...globalOptions(options, address)],
    headersSnippet(address),
    methodsSnippet(),
    lunaSnippet(context),
    STRANGER_SNIPPET,
    ...sites(options, address),
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
