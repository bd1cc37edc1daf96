/** Tests of which requests are believed to come from this Luna's own pages. */
import { describe, expect, test } from "bun:test";
import { refusalOf } from "./request-origin.ts";

interface Case {
  method?: string;
  hasCookie?: boolean;
  headers: Record<string, string>;
}

const host = { "X-Forwarded-Host": "luna.example:8443" };
const own = { ...host, Origin: "https://luna.example:8443" };

const refused = ({ method = "POST", hasCookie = true, headers }: Case): boolean =>
  refusalOf({ method, hasCookie, headers: new Headers(headers) }) !== undefined;

describe("a page of this Luna passes", () => {
  const cases: Record<string, Case> = {
    "by its Origin": { headers: own },
    "by Sec-Fetch-Site": { headers: { ...host, "Sec-Fetch-Site": "same-origin" } },
    "by both": { headers: { ...own, "Sec-Fetch-Site": "same-origin" } },
    "when a person started it": { headers: { ...host, "Sec-Fetch-Site": "none" } },
    "with http's default port spelled out": {
      headers: { "X-Forwarded-Host": "luna.example:80", Origin: "http://luna.example" },
    },
    "with https' default port left out": {
      headers: { "X-Forwarded-Host": "luna.example", Origin: "https://luna.example:443" },
    },
    "in another case": { headers: { ...host, Origin: "https://LUNA.example:8443" } },
    "on IPv6": { headers: { "X-Forwarded-Host": "[::1]:8443", Origin: "http://[::1]:8443" } },
    "with the scheme that the proxy tells": { headers: { ...own, "X-Forwarded-Proto": "https" } },
    "by Host when no proxy stands between": {
      headers: { Host: "127.0.0.1:8765", Origin: "http://127.0.0.1:8765" },
    },
  };
  for (const [name, facts] of Object.entries(cases)) {
    test(name, () => expect(refused(facts)).toBe(false));
  }
});

describe("a foreign page is refused", () => {
  const cases: Record<string, Case> = {
    "of another host": { headers: { ...host, Origin: "https://evil.example:8443" } },
    "of another port": { headers: { ...host, Origin: "https://luna.example:8444" } },
    "of the default port": { headers: { ...host, Origin: "https://luna.example" } },
    "of a host that ends alike": { headers: { ...host, Origin: "https://evil-luna.example:8443" } },
    "of a host that begins alike": {
      headers: { ...host, Origin: "https://luna.example:8443.evil.example" },
    },
    "with a user in front": {
      headers: { ...host, Origin: "https://luna.example:8443@evil.example" },
    },
    "of another scheme": { headers: { ...own, "X-Forwarded-Proto": "http" } },
    "that hides": { headers: { ...host, Origin: "null" } },
    "with an empty Origin": { headers: { ...host, Origin: "" } },
    "of an extension": { headers: { ...host, Origin: "chrome-extension://luna.example:8443" } },
    "by Sec-Fetch-Site": { headers: { ...host, "Sec-Fetch-Site": "cross-site" } },
    "of the same site": { headers: { ...host, "Sec-Fetch-Site": "same-site" } },
    "whatever else it says": { headers: { ...own, "Sec-Fetch-Site": "cross-site" } },
    "with a good site and a bad Origin": {
      headers: { ...host, Origin: "https://evil.example", "Sec-Fetch-Site": "same-origin" },
    },
    "with two Origins": { headers: { ...host, Origin: `${own.Origin}, https://evil.example` } },
    "when the host is no host": {
      headers: { "X-Forwarded-Host": "evil.example/?", Origin: "https://evil.example" },
    },
    "when nobody knows the host": { headers: { Origin: "https://luna.example" } },
    "also without a cookie": {
      hasCookie: false,
      headers: { ...host, Origin: "https://evil.example" },
    },
  };
  for (const [name, facts] of Object.entries(cases)) {
    test(name, () => expect(refused(facts)).toBe(true));
  }
});

test("a cookie without any word of where it comes from is refused; without a cookie it is not", () => {
  expect(refused({ headers: host })).toBe(true);
  expect(refused({ headers: host, hasCookie: false })).toBe(false);
});

test("every method that may change something is looked at", () => {
  const foreign = { ...host, Origin: "https://evil.example" };
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", ""]) {
    expect(refused({ method, headers: foreign })).toBe(true);
  }
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    expect(refused({ method, headers: foreign })).toBe(false);
  }
});

test("a WebSocket upgrade is looked at, however it is known", () => {
  const foreign = { ...host, Origin: "https://evil.example" };
  for (const sign of [
    { Upgrade: "websocket" },
    { Upgrade: "WebSocket" },
    { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" },
    { "Sec-Fetch-Mode": "websocket" },
  ]) {
    expect(refused({ method: "GET", headers: { ...foreign, ...sign } })).toBe(true);
    expect(refused({ method: "GET", headers: { ...own, ...sign } })).toBe(false);
    expect(refused({ method: "GET", headers: { ...host, ...sign } })).toBe(true);
  }
});
