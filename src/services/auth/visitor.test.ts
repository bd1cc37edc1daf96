/** Tests of what a request tells of its sender. */
import { expect, test } from "bun:test";
import { browserName } from "./browser-name.ts";
import { isLoopback, networkOf } from "./visitor.ts";

const NETWORKS: [address: string, network: string][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["local", "local"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:DB8:0001:2::", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["fe80::1:2:3:4", "fe80:0:0:0"],
];
for (const [address, network] of NETWORKS) {
  test(`attempts of ${address} are counted by ${network}`, () => {
    expect(networkOf(address)).toBe(network);
  });
}

test("this machine's own addresses are told from others", () => {
  for (const own of ["127.0.0.1", "::1"]) expect(isLoopback(own)).toBe(true);
  for (const other of ["192.0.2.1", "::12", "1127.0.0.1"]) expect(isLoopback(other)).toBe(false);
});

const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0";
const BROWSERS: [userAgent: string, name: string | undefined][] = [
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 Edg/146.0`,
    "Edge on Windows",
  ],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`, "Chrome on Windows"],
  [`Mozilla/5.0 (Linux; Android 15; Pixel 9) ${CHROME} Mobile Safari/537.36`, "Chrome on Android"],
  [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${CHROME} Safari/537.36`, "Chrome on ChromeOS"],
  [`Mozilla/5.0 (X11; Linux x86_64) ${CHROME} Safari/537.36 OPR/120.0`, "Opera on Linux"],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/19.0 Safari/605.1.15`,
    "Safari on macOS",
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) ${WEBKIT} Version/19.0 Mobile/15E148 Safari/604.1`,
    "Safari on iOS",
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) ${WEBKIT} FxiOS/140.0 Mobile/15E148 Safari/605.1.15`,
    "Firefox on iOS",
  ],
  ["curl/8.5.0", undefined],
  ["", undefined],
  [`${"x".repeat(600)} Firefox/140.0`, undefined],
];
for (const [userAgent, name] of BROWSERS) {
  test(`a browser is called ${name}`, () => expect(browserName(userAgent)).toBe(name));
}
