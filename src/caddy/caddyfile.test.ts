/** Golden Caddyfiles, one a deployment mode: a change of the text is a change that someone reads. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { portsWith } from "../config/ports.ts";
import { type CaddyfileOptions, renderCaddyfile } from "./caddyfile.ts";

const GOLDEN = new URL("./golden/", import.meta.url).pathname;

const HOME = {
  ports: portsWith(0),
  adminSocket: "/srv/luna/.luna/caddy.sock",
  dataDir: "/srv/luna/.luna/caddy",
};
const CASES: Record<string, CaddyfileOptions> = {
  local: { ...HOME, mode: "local", publicDomain: "" },
  ngrok: { ...HOME, mode: "ngrok", publicDomain: "luna.ngrok.example" },
  nip_io: { ...HOME, mode: "nip_io", publicDomain: "203.0.113.7.nip.io" },
  custom_domain: { ...HOME, mode: "custom_domain", publicDomain: "luna.example.com" },
  cloudflare_tunnel: {
    ...HOME,
    mode: "custom_domain",
    publicDomain: "luna.example.com",
    cloudflareTunnel: true,
  },
};

test.each(Object.keys(CASES))("%s is its golden file", async (name) => {
  const options = CASES[name];
  if (options === undefined) throw new Error(`There is no case "${name}"`);
  expect(renderCaddyfile(options)).toBe(await Bun.file(`${GOLDEN}${name}.Caddyfile`).text());
});

test("there is no golden file without its case", () => {
  const names = readdirSync(GOLDEN).map((file) => file.replace(".Caddyfile", ""));
  expect(names.sort()).toEqual(Object.keys(CASES).sort());
});

const render = (change: Partial<CaddyfileOptions>) =>
  renderCaddyfile({ ...HOME, mode: "local", publicDomain: "", ...change });

test("plain HTTP never listens beyond loopback, and the admin API only on its socket", () => {
  for (const [name, options] of Object.entries(CASES)) {
    const text = renderCaddyfile(options);
    expect(text).toContain('admin "unix//srv/luna/.luna/caddy.sock"');
    const sites = [...text.matchAll(/^http:\/\/.* \{\n\t(.*)\n/gm)];
    expect(sites.length, name).toBeGreaterThan(0);
    for (const [, firstLine] of sites) expect(firstLine).toBe("bind 127.0.0.1");
  }
});

test("tokens are runtime placeholders, never values substituted when the file is read", () => {
  for (const options of Object.values(CASES)) {
    const text = renderCaddyfile(options);
    expect(text).not.toContain("{$");
    expect(
      text.match(/Bearer [^"]*/g)?.every((token) => /^Bearer \{env\.[A-Z_]+\}$/.test(token)),
    ).toBe(true);
  }
});

test("LUNA_PORT_OFFSET moves every port", () => {
  const moved = { ports: portsWith(1000), publicDomain: "luna.example.com" };
  const local = render({ ...moved, mode: "local" });
  expect(local).toContain("http://127.0.0.1:9443, http://localhost:9443 {");
  expect(local).toContain("reverse_proxy 127.0.0.1:10999 {");
  expect(local).not.toMatch(/:(8443|9999|8080|8765|8766|5173)\b/);
  const domain = render({ ...moved, mode: "custom_domain" });
  expect(domain).toContain("http_port 1080\n\thttps_port 1443");
  expect(domain).toContain("https://luna.example.com:1443 {");
});

test("a path with spaces is one token", () => {
  expect(render({ dataDir: "/home/a b/.luna/caddy" })).toContain(
    'storage file_system "/home/a b/.luna/caddy"',
  );
});

test.each(["/srv/{env.HOME}/x", '/srv/a"b', "/srv/a`b", "/srv/a\nimport x", "/srv/a\\b"])(
  "the path %j is refused: it would mean something in a Caddyfile",
  (dataDir) => {
    expect(() => render({ dataDir })).toThrow("Cannot write a Caddyfile");
  },
);

test("a socket path that the system cannot hold is refused with its length", () => {
  expect(() => render({ adminSocket: `/${"a".repeat(120)}` })).toThrow("121 bytes long");
});
