/** Where each deployment mode listens, under which names, and the address that people type. */
import { type Ports, portsWith } from "../config/ports.ts";
import type { DeploymentMode } from "../contract/config.ts";
import { InvalidInputError } from "../lib/errors.ts";

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** RFC 1123 names of at least two labels; nothing that could mean something in a Caddyfile. */
const DOMAIN =
  /^(?=.{4,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;

export interface Deployment {
  mode: DeploymentMode;
  publicDomain: string;
  ports: Ports;
  /** With `custom_domain`: a Cloudflare tunnel on this machine terminates TLS. */
  cloudflareTunnel?: boolean;
}

export interface EdgeAddress {
  /** Whether Caddy itself speaks TLS and gets the certificates. */
  tls: boolean;
  /** Whether people reach Luna over HTTPS, whoever terminates it. */
  https: boolean;
  /** The host names that Luna answers to. */
  hosts: readonly string[];
  port: number;
  /** The port of plain HTTP that only redirects (and answers certificate challenges). */
  redirectPort: number | undefined;
  /** Whether a tunnel's agent on this machine is the only one who connects. */
  tunnel: boolean;
}

/** The public ports move with `LUNA_PORT_OFFSET` like every other. */
function offsetOf(ports: Ports): number {
  return ports.caddy - portsWith(0).caddy;
}

function publicDomain({ mode, publicDomain }: Deployment): string {
  const domain = publicDomain.toLowerCase();
  if (DOMAIN.test(domain)) return domain;
  const is = publicDomain === "" ? "empty" : `"${publicDomain}"`;
  throw new InvalidInputError(
    `Cannot serve Luna in deployment mode "${mode}": public_domain is ${is}, ` +
      `it should be a host name such as luna.example.com, without https:// and port`,
  );
}

/** Tunnels end on this machine, so plain HTTP never listens beyond loopback. */
function behindTunnel(deployment: Deployment): boolean {
  const { mode, cloudflareTunnel = false } = deployment;
  return mode === "ngrok" || (mode === "custom_domain" && cloudflareTunnel);
}

/**
 * Where Caddy listens.
 * @throws InvalidInputError when a public mode has no usable `public_domain`
 */
export function edgeAddress(deployment: Deployment): EdgeAddress {
  const { mode, ports } = deployment;
  const plain = { tls: false, redirectPort: undefined, tunnel: false };
  if (mode === "local") {
    return { ...plain, https: false, hosts: ["127.0.0.1", "localhost"], port: ports.caddy };
  }
  const hosts = [publicDomain(deployment)];
  const offset = offsetOf(ports);
  if (behindTunnel(deployment)) {
    const port = mode === "ngrok" ? ports.caddy : HTTP_PORT + offset;
    return { ...plain, https: true, hosts, port, tunnel: true };
  }
  return {
    tls: true,
    https: true,
    hosts,
    port: HTTPS_PORT + offset,
    redirectPort: HTTP_PORT + offset,
    tunnel: false,
  };
}

/** The address of the Hub without a final slash, such as `https://luna.example.com`. */
export function publicUrl(deployment: Deployment): string {
  const { tls, https, hosts, port } = edgeAddress(deployment);
  const shownPort = behindTunnel(deployment) || (tls && port === HTTPS_PORT) ? "" : `:${port}`;
  return `${https ? "https" : "http"}://${hosts[0]}${shownPort}`;
}

/** Answers 200 once Caddy serves, in every mode: a loopback port that needs no certificate. */
export function caddyHealthUrl(ports: Ports): string {
  return `http://127.0.0.1:${ports.caddy}/healthz`;
}
