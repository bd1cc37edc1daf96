/** One row of the route table as Caddyfile text. */
import { block, jsonAnswer } from "./block.ts";
import type { ProxiedRoute, Route, UpstreamName } from "./routes.ts";

/** A core service that is being started again is waited for this long before 502 is the answer. */
const RESTART_PATIENCE_SECONDS = 5;
const RETRY_INTERVAL_MS = 100;

export interface RowContext {
  ports: Readonly<Record<UpstreamName, number>>;
  /** What people's browsers speak, when TLS ended before Caddy; Caddy knows it otherwise. */
  forwardedProto: "https" | undefined;
}

/**
 * What every request to a core service carries. Only a refused connection is tried again whatever the
 * method (nothing was sent); Caddy also repeats a GET whose connection broke before the answer.
 * No `flush_interval -1`: with it, a client that goes away would not cancel the work behind it.
 */
function proxyLines(context: RowContext): string[] {
  const { forwardedProto } = context;
  return [
    "header_up Host {upstream_hostport}",
    ...(forwardedProto === undefined ? [] : [`header_up X-Forwarded-Proto ${forwardedProto}`]),
    `lb_try_duration ${RESTART_PATIENCE_SECONDS}s`,
    `lb_try_interval ${RETRY_INTERVAL_MS}ms`,
  ];
}

/** The snippet that asks auth whether a session may pass, and refuses an answer without an identity. */
export function sessionSnippet(context: RowContext): string[] {
  return block("(session)", [
    ...block(`forward_auth 127.0.0.1:${context.ports.auth}`, [
      "uri /verify",
      "copy_headers X-Luna-Identity",
      'header_up Authorization "Bearer {env.LUNA_AUTH_TOKEN}"',
      ...proxyLines(context),
    ]),
    // Without the header in auth's answer, Caddy 2.6 would hand on a literal placeholder as the identity.
    "@unidentified not header_regexp X-Luna-Identity ^[A-Za-z0-9._~+/=-]+$",
    'error @unidentified "auth verified a session without an identity" 503',
  ]);
}

function accessLines(route: ProxiedRoute): string[] {
  const setToken =
    route.token === undefined
      ? ["request_header -Authorization"]
      : [`request_header Authorization "Bearer {env.${route.token}}"`];
  switch (route.access) {
    case "public":
    case "own":
      return [];
    case "session":
      return ["import session", ...setToken];
    case "key_or_session":
      return [
        "@keyless not header Authorization *",
        ...block("route @keyless", ["import session", ...setToken]),
      ];
  }
}

function proxiedLines(route: ProxiedRoute, context: RowContext): string[] {
  return [
    ...accessLines(route),
    ...(route.cookies === true ? [] : ["request_header -Cookie"]),
    ...(route.stripPrefix === undefined ? [] : [`uri strip_prefix ${route.stripPrefix}`]),
    ...block(`reverse_proxy 127.0.0.1:${context.ports[route.upstream]}`, proxyLines(context)),
  ];
}

/** A `handle` of its own (at most one matches); `route` inside keeps the lines in their order. */
export function rowLines(route: Route, context: RowContext): string[] {
  const lines =
    route.upstream === "caddy"
      ? jsonAnswer(route.body, route.status)
      : proxiedLines(route, context);
  const body = block("route", lines);
  if (route.paths.length === 0) return block("handle", body);
  return [`@${route.name} path ${route.paths.join(" ")}`, ...block(`handle @${route.name}`, body)];
}
