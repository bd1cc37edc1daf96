/** Addresses of the internet, and all those that only look like it (CVE-2026-45400, CVE-2026-54020, CVE-2026-70485). */
import { expect, test } from "bun:test";
import { isPublicAddress } from "./public-address.ts";

test.each(["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.167.1.1", "2606:4700::1111", "2a00:1450::5"])(
  "%s is public",
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test.each([
  ...["127.0.0.1", "127.255.0.3", "10.0.0.1", "172.16.0.1", "172.31.9.9", "192.168.1.1"],
  ...["169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1"],
  ...["198.18.0.1", "192.0.0.170", "192.0.2.1", "203.0.113.5"],
  ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1"],
  // IPv4 in the clothes of IPv6: mapped, compatible, NAT64, 6to4 and Teredo.
  ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:1.1.1.1", "::127.0.0.1", "64:ff9b::7f00:1"],
  ...["64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1", "3fff::1"],
  ...["", "localhost", "1", "0x7f000001", "127.1", "2130706433", "1.1.1.1.1"],
])("%s is not", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});
