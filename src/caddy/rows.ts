/** One row of the route table as Caddyfile text. */
import { block, jsonAnswer } from "./block.ts";
import { coreProxyLines, forwardAuth, IDENTITY, type RowContext } from "./proxy.ts";
import { routedLines } from "./routed-row.ts";
import type { ProxiedRoute, Route } from "./routes.ts";

/** The snippet that asks auth whether a session may pass, and refuses an answer without an identity. */
export function sessionSnippet(context: RowContext): string[] {
  return block("(session)", [
    ...forwardAuth(context, { path: "/verify", headers: ["X-Luna-Identity"] }),
    // Without the header in auth's answer, Caddy 2.6 would hand on a literal placeholder as the identity.
    `@unidentified not header_regexp X-Luna-Identity ${IDENTITY}`,
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
    ...block(`reverse_proxy 127.0.0.1:${context.ports[route.upstream]}`, coreProxyLines(context)),
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
