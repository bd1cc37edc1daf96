/** Which IP addresses belong to the public internet, so that what a stranger names leads nowhere else (SSRF). */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** IANA's registry of special-purpose IPv4 addresses, multicast and what is reserved. */
const NOT_PUBLIC_IPV4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** The one block of IPv6 that is routed; NAT64, mapped, unique-local and link-local addresses lie outside. */
const ROUTED_IPV6 = ["2000::", 3] as const;
/** Within it: special purposes (Teredo, ORCHID), documentation, and 6to4, which leads to any IPv4 address. */
const NOT_PUBLIC_IPV6: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

function listOf(nets: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of nets) list.addSubnet(net, prefix, family);
  return list;
}

const notPublicV4 = listOf(NOT_PUBLIC_IPV4, "ipv4");
const routedV6 = listOf([ROUTED_IPV6], "ipv6");
const notPublicV6 = listOf(NOT_PUBLIC_IPV6, "ipv6");

/** False for whatever is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !notPublicV4.check(address, "ipv4");
  // A zone ("%eth0") is of a link.
  if (!isIPv6(address) || address.includes("%")) return false;
  return routedV6.check(address, "ipv6") && !notPublicV6.check(address, "ipv6");
}
