/** The public address of each mode, and the domains that are refused. */
import { describe, expect, test } from "bun:test";
import { portsWith } from "../config/ports.ts";
import { caddyHealthUrl, type Deployment, edgeAddress, publicUrl } from "./address.ts";

const ports = portsWith(0);
const moved = portsWith(100);

const CASES: [string, Deployment, string][] = [
  ["local", { mode: "local", publicDomain: "", ports }, "http://127.0.0.1:8443"],
  ["local, moved", { mode: "local", publicDomain: "x", ports: moved }, "http://127.0.0.1:8543"],
  ["ngrok", { mode: "ngrok", publicDomain: "a.ngrok.app", ports }, "https://a.ngrok.app"],
  [
    "ngrok, moved",
    { mode: "ngrok", publicDomain: "a.ngrok.app", ports: moved },
    "https://a.ngrok.app",
  ],
  ["nip_io", { mode: "nip_io", publicDomain: "1.2.3.4.nip.io", ports }, "https://1.2.3.4.nip.io"],
  [
    "custom_domain",
    { mode: "custom_domain", publicDomain: "Luna.Example.com", ports },
    "https://luna.example.com",
  ],
  [
    "custom_domain, moved",
    { mode: "custom_domain", publicDomain: "luna.example.com", ports: moved },
    "https://luna.example.com:543",
  ],
  [
    "tunnel, moved",
    {
      mode: "custom_domain",
      publicDomain: "luna.example.com",
      ports: moved,
      cloudflareTunnel: true,
    },
    "https://luna.example.com",
  ],
];

test.each(CASES)("%s", (_name, deployment, url) => {
  expect(publicUrl(deployment)).toBe(url);
});

test("only a domain of Luna's own brings TLS to Caddy; a tunnel ends in front of it", () => {
  const domain: Deployment = { mode: "custom_domain", publicDomain: "luna.example.com", ports };
  expect(edgeAddress(domain)).toMatchObject({
    tls: true,
    https: true,
    port: 443,
    redirectPort: 80,
  });
  expect(edgeAddress({ ...domain, cloudflareTunnel: true })).toMatchObject({
    tls: false,
    https: true,
    port: 80,
  });
  // The flag means nothing elsewhere.
  expect(edgeAddress({ ...domain, mode: "nip_io", cloudflareTunnel: true }).tls).toBe(true);
});

test("the health address needs no certificate in any mode", () => {
  expect(caddyHealthUrl(moved)).toBe("http://127.0.0.1:8543/healthz");
});

describe.each(["ngrok", "nip_io", "custom_domain"] as const)("%s", (mode) => {
  test.each([
    "",
    "localhost",
    "https://luna.example.com",
    "luna.example.com:443",
    "luna.example.com/",
    "luna_example.com",
    "-luna.example.com",
    "luna.example.com {\n\trespond x",
    "*.example.com",
    `${"a".repeat(64)}.com`,
  ])("public_domain %j is refused", (publicDomain) => {
    expect(() => publicUrl({ mode, publicDomain, ports })).toThrow(
      `Cannot serve Luna in deployment mode "${mode}"`,
    );
  });
});
