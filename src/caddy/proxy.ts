/** The lines that rows share: how Caddy asks auth, and how it proxies. */
import { PRESENTED_HEADER } from "../contract/exposure-header.ts";
import { PAGE_HEADER } from "../contract/page-token.ts";
import { block } from "./block.ts";
import type { BodyMax, UpstreamName } from "./routes.ts";

/** A process that is being started again is waited for this long before an error is the answer. */
const RESTART_PATIENCE_SECONDS = 5;
const RETRY_INTERVAL_MS = 100;

/** What auth's statements of who is asking are made of. */
export const IDENTITY = "^[A-Za-z0-9._~+/=-]+$";

export interface RowContext {
  ports: Readonly<Record<UpstreamName, number>>;
  /** What people's browsers speak, when TLS ended before Caddy; Caddy knows it otherwise. */
  forwardedProto: "https" | undefined;
  /** Whether only a tunnel's agent on this machine connects, so that the address is what it says. */
  behindTunnel: boolean;
}

/** The address that a tunnel's agent told, or nothing. */
export const CLIENT_VARIABLE = "luna_client";

/**
 * What every proxied request has. Only a refused connection is tried again whatever the method (nothing
 * was sent); Caddy also repeats a GET whose connection broke before the answer.
 * No `flush_interval -1`: with it, a client that goes away would not cancel the work behind it.
 */
export function proxyLines({ forwardedProto, behindTunnel }: RowContext): string[] {
  return [
    // By itself Caddy tells who connected, which is the tunnel's agent.
    ...(behindTunnel ? [`header_up X-Forwarded-For {http.vars.${CLIENT_VARIABLE}}`] : []),
    ...(forwardedProto === undefined ? [] : [`header_up X-Forwarded-Proto ${forwardedProto}`]),
    `lb_try_duration ${RESTART_PATIENCE_SECONDS}s`,
    `lb_try_interval ${RETRY_INTERVAL_MS}ms`,
  ];
}

/** Luna's own processes answer to loopback names only. */
export function coreProxyLines(context: RowContext): string[] {
  return ["header_up Host {upstream_hostport}", ...proxyLines(context)];
}

interface Question {
  /** Auth's path. */
  path: string;
  /** The headers of the answer that the request takes along. */
  headers: readonly string[];
  /** Whether auth also gets the client's own authorization, which may be a service's key. */
  presents?: true;
}

/** What the refusal of a body that is too large says. */
export const BODY_MAX_VARIABLE = "luna_body_max";

/** A row in another one has the smaller limit of the two. */
export function bodyLimitLines(size: BodyMax): string[] {
  return [`vars ${BODY_MAX_VARIABLE} ${size}`, ...block("request_body", [`max_size ${size}`])];
}

/** Where the client's page token waits for auth, which alone gets it. */
export const PAGE_VARIABLE = "luna_page";
export const PRESENT_PAGE_LINE = `header_up ${PAGE_HEADER} {http.vars.${PAGE_VARIABLE}}`;

/** Asks auth whether the request may pass; any answer but 2xx is the client's. */
export function forwardAuth(context: RowContext, question: Question): string[] {
  const { path, headers, presents } = question;
  return block(`forward_auth 127.0.0.1:${context.ports.auth}`, [
    `uri ${path}`,
    `copy_headers ${headers.join(" ")}`,
    PRESENT_PAGE_LINE,
    ...(presents === true
      ? [`header_up ${PRESENTED_HEADER} {http.request.header.Authorization}`]
      : []),
    'header_up Authorization "Bearer {env.LUNA_AUTH_TOKEN}"',
    ...coreProxyLines(context),
  ]);
}
