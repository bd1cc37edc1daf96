/** Named weaknesses of authorization servers and of what they fetch, tried on the compiled Luna and on the fetch itself. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { isPublicAddress } from "../../src/lib/public-address.ts";
import {
  DOCUMENT_ID,
  type DocumentHost,
  documentsIn,
  startDocumentHost,
} from "../support/document-host.ts";
import { connectClient } from "../support/luna-oauth.ts";
import { type GivenOut, giveOut } from "./credentials.ts";

let given: GivenOut;
let host: DocumentHost;
beforeAll(async () => {
  given = await giveOut();
  host = startDocumentHost();
});
afterAll(async () => {
  await host.stop();
  await given.luna.stop();
  await given.luna.remove();
});

const list = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(given.luna.url + path, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });

test("3.4-8 without a scope and a resource the server answers, and its token opens nothing", async () => {
  const wanted = { scope: "", resource: null };
  const { access_token } = await connectClient(given.luna, given.session, wanted);
  const answer = await list("/api/mcp", access_token);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("WWW-Authenticate")).toContain("invalid_token");
  expect((await list("/api/mcp", given.accessToken)).status).toBe(200);
});

test("CVE-2025-69196, CVE-2026-54030 a token for one resource opens no other", async () => {
  for (const path of ["/api/mcp-keyed/mcp", "/api/agent/v1/models", "/api/supervisor/overview"]) {
    expect([path, (await list(path, given.accessToken)).status]).toEqual([path, 401]);
  }
  const query = new URLSearchParams({
    ...{ response_type: "code", client_id: "x", resource: `${given.luna.url}/api/mcp-keyed/mcp` },
  });
  const asked = await fetch(`${given.luna.url}/api/authorize?${query}`, {
    headers: { Cookie: given.session, "Sec-Fetch-Mode": "navigate" },
    redirect: "manual",
  });
  expect(asked.headers.get("Location")).toStartWith("/consent?problem=");
  const other = connectClient(given.luna, given.session, {
    resource: `${given.luna.url}/api/mcp-keyed/mcp`,
  });
  // Refused, with an error for the client in place of a code.
  await expect(other).rejects.toThrow("invalid_target");
});

test("CVE-2026-45400, CVE-2026-45401, CVE-2026-54020, CVE-2026-70485 a client's document inside the network, by parser, redirect, rebinding and NAT64", async () => {
  const reached = (resolve: () => Promise<string[]>, isPublic = isPublicAddress) =>
    documentsIn({ ...host.network, resolve, isPublic }).fetch(DOCUMENT_ID);
  for (const address of [
    ...["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
    ...["0.0.0.0", "::1", "fd00::1", "100.64.0.1"],
  ]) {
    await expect(reached(async () => [address])).rejects.toThrow("public internet");
  }
  expect(host.count()).toBe(0);
  // A name that leads to another address when it is asked again: it is asked once.
  let asked = 0;
  const rebinding = async () => (++asked === 1 ? ["192.0.2.1"] : ["127.0.0.1"]);
  await reached(rebinding, (address) => address !== "127.0.0.1").catch(() => undefined);
  expect([asked, host.count()]).toEqual([1, 0]);
  host.answer = () => Response.redirect("http://127.0.0.1:1/");
  await expect(
    reached(
      async () => ["127.0.0.1"],
      () => true,
    ),
  ).rejects.toThrow("status 302");
  expect(host.count()).toBe(1);
  // Spellings of addresses are no clients' ids at all.
  for (const id of [
    ...["https://127.0.0.1/c", "https://0x7f.1/c", "https://[::1]/c", "https://localhost/c"],
    ...["https://user@client.example/c", "https://client.example:22/c", "http://client.example/c"],
  ]) {
    const query = new URLSearchParams({ client_id: id });
    const answer = await fetch(`${given.luna.url}/api/authorize?${query}`, {
      headers: { Cookie: given.session, "Sec-Fetch-Mode": "navigate" },
      redirect: "manual",
    });
    expect(answer.headers.get("Location")).toBe("/consent?problem=unknown_client");
  }
});

test("a fetch that looks at nothing would be found", async () => {
  host.answer = () => Response.json({});
  const before = host.count();
  await fetch(`https://127.0.0.1:${host.network.port}/`, { tls: { rejectUnauthorized: false } });
  expect(host.count()).toBe(before + 1);
});
