/** What a request tells of who sends it: their address, their browser, and whether they wait for a page. */
import type { Context } from "hono";
import { clientAddress } from "../../lib/client-address.ts";
import { browserName } from "./browser-name.ts";

/** Kept with a session, so that its owner recognises it. */
export interface Visitor {
  address: string | null;
  /** "Firefox on Linux"; null when it is no browser that anybody knows. */
  browser: string | null;
}

/** Of the eight groups of an IPv6 address, those that one household has. */
const NETWORK_GROUPS = 4;
const IPV6_GROUPS = 8;

export function visitorOf({ req }: Context): Visitor {
  const browser = browserName(req.header("User-Agent") ?? "");
  return { address: clientAddress(req), browser: browser ?? null };
}

/** Whether this machine itself asks. */
export function isLoopback(address: string): boolean {
  return /^(?:127\.|::1$)/.test(address);
}

/** What attempts are counted by: whoever has one IPv6 address has the 2^64 of their network. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    while (groups.length + last.length < IPV6_GROUPS) groups.push("0");
    groups.push(...last);
  }
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":");
}

/** Whether a person waits for a page. `Sec-Fetch-Mode` says so; older browsers are known by what they accept. */
export function isNavigation(method: string, headers: Headers): boolean {
  const mode = headers.get("Sec-Fetch-Mode");
  if (mode !== null) return mode === "navigate";
  return method === "GET" && (headers.get("Accept") ?? "").includes("text/html");
}
