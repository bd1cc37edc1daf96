/** What an MCP server names for signing in is asked on the internet alone, and without the server's own headers. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type DocumentHost, startDocumentHost } from "../../tests/support/document-host.ts";
import { upstreamFetch } from "./upstream-fetch.ts";

const SECRET = { Authorization: "Bearer the-key-of-the-server", "X-Key": "another" };

let host: DocumentHost;
/** A server of this machine, which keeps the headers that it gets. */
let server: { url: string; seen: Headers[]; stop(): Promise<void> };
beforeEach(() => {
  host = startDocumentHost();
  const seen: Headers[] = [];
  const served = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: ({ headers }) => {
      seen.push(headers);
      return new Response("here");
    },
  });
  const url = `http://127.0.0.1:${served.port}/mcp`;
  server = { url, seen, stop: () => served.stop(true) };
});
afterEach(async () => {
  await Promise.all([host.stop(), server.stop()]);
});

/** Names with "inside" in them are hosts of the owner's own network. */
function fetchOf(url: string) {
  const network = {
    ...host.network,
    resolve: async (name: string) => (name.includes("inside") ? ["10.0.0.1"] : ["127.0.0.1"]),
    isPublic: (address: string) => address !== "10.0.0.1",
  };
  return upstreamFetch({ url, headers: SECRET, network });
}

test("the server gets its headers, and what the client says wins", async () => {
  const fetchIt = fetchOf(server.url);
  await fetchIt(server.url, { headers: { "X-Key": "the client's", Accept: "a/b" } });
  const [first] = server.seen;
  expect([first?.get("Authorization"), first?.get("X-Key"), first?.get("Accept")]).toEqual([
    ...[SECRET.Authorization, "the client's", "a/b"],
  ]);
});

test("what a server of the internet names is asked there, without the server's headers", async () => {
  let seen: Request | undefined;
  host.answer = async (request) => {
    seen = request.clone();
    return Response.json({ got: await request.text() }, { status: 201, headers: { "X-A": "b" } });
  };
  const answered = await fetchOf("https://mcp.example/mcp")("https://client.example/token?x=1", {
    ...{ method: "POST", body: new URLSearchParams({ code: "c" }) },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  expect([answered.status, answered.headers.get("X-A"), await answered.json()]).toEqual([
    ...[201, "b", { got: "code=c" }],
  ]);
  const { method, url, headers } = seen ?? new Request("http://none");
  expect([method, new URL(url).search]).toEqual(["POST", "?x=1"]);
  expect([headers.get("Authorization"), headers.get("X-Key")]).toEqual([null, null]);
});

test.each([
  ["https://inside.example/metadata", "public internet"],
  ["http://client.example/metadata", "https"],
  ["https://user@client.example/metadata", "without a user"],
])("a server of the internet that names %s is not followed", async (named, why) => {
  await expect(fetchOf("https://mcp.example/mcp")(named)).rejects.toThrow(why);
  expect(host.count()).toBe(0);
});

test("a server of the owner's own network may name others there, which do not get its headers either", async () => {
  const answered = await fetchOf("http://inside.example/mcp")(server.url);
  expect(await answered.text()).toBe("here");
  expect([server.seen[0]?.get("Authorization"), server.seen[0]?.get("X-Key")]).toEqual([
    ...[null, null],
  ]);
});
