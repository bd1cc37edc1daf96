/** Fetching from addresses that strangers name: only from the internet, and within bounds. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type DocumentHost, startDocumentHost } from "../../tests/support/document-host.ts";
import { isPublicAddress } from "./public-address.ts";
import { getPublic, type Network } from "./public-request.ts";

let host: DocumentHost;
beforeEach(() => {
  host = startDocumentHost();
});
afterEach(() => host.stop());

const get = (
  url = "https://client.example/it?x=1",
  network: Partial<Network> = {},
  timeoutMs = 2_000,
) =>
  getPublic(new URL(url), {
    ...{ accept: "application/json", bytesMax: 1_000, timeoutMs, userAgent: "test" },
    network: { ...host.network, ...network },
  });

test("gets what is there, with its headers", async () => {
  host.answer = () => Response.json({ a: 1 }, { headers: { "Cache-Control": "max-age=5" } });
  const { status, header, body } = await get();
  expect([status, JSON.parse(body), header("cache-control")]).toEqual([200, { a: 1 }, "max-age=5"]);
});

test("a redirect is an answer, and followed nowhere", async () => {
  host.answer = () => Response.redirect("http://127.0.0.1:1/");
  expect((await get()).status).toBe(302);
  expect(host.count()).toBe(1);
});

test.each([
  "127.0.0.1",
  "169.254.169.254",
  "::ffff:10.0.0.1",
  "64:ff9b::7f00:1",
  // One of several is enough: it may be the one that is taken.
  "1.1.1.1 192.168.0.1",
])("a name that leads to %s is not connected to", async (addresses) => {
  const resolve = async () => addresses.split(" ");
  await expect(get(undefined, { isPublic: isPublicAddress, resolve })).rejects.toThrow(
    "public internet",
  );
  expect(host.count()).toBe(0);
});

test("the address that was looked at is the one that is connected to, however often the name is asked", async () => {
  let asked = 0;
  const resolve = async () => (++asked === 1 ? ["127.0.0.1"] : ["127.0.0.2"]);
  expect((await get(undefined, { resolve })).status).toBe(200);
  expect(asked).toBe(1);
});

test.each([
  "http://client.example/",
  "https://client.example:8443/",
  "https://user@client.example/",
  "ftp://client.example/",
])("%s is no address to get", async (url) => {
  await expect(get(url)).rejects.toThrow("https");
});

test("the certificate has to be of the name", async () => {
  await expect(get("https://other.example/")).rejects.toThrow(/certificate|altname/i);
  const { ca: _, ...unknown } = host.network;
  const options = { accept: "*/*", bytesMax: 10, timeoutMs: 2_000, userAgent: "test" };
  await expect(
    getPublic(new URL("https://client.example/"), { ...options, network: unknown }),
  ).rejects.toThrow(/certificate/i);
});

test("too much, too late, or nobody there", async () => {
  host.answer = () => new Response("x".repeat(1_001));
  await expect(get()).rejects.toThrow("over 1000 bytes");
  host.answer = () => Bun.sleep(10_000).then(() => new Response());
  await expect(get(undefined, {}, 200)).rejects.toThrow("within 0.2 s");
  const never = { resolve: () => Promise.withResolvers<string[]>().promise };
  await expect(get(undefined, never, 200)).rejects.toThrow("within 0.2 s");
  await expect(get(undefined, { resolve: async () => [] })).rejects.toThrow("no address");
  await expect(get(undefined, { port: 1 })).rejects.toThrow();
});
