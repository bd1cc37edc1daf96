/** MCP clients that sign in with OAuth at the compiled Luna, through Caddy: both SDKs' own providers, restarts, revocation. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewTransport,
} from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { OAuthClientList } from "../../src/contract/oauth.ts";
import { sendSignal, statOf } from "../../src/lib/proc.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { allowInBrowser, connectClient } from "../support/luna-oauth.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

let luna: Luna;
let session: string;

beforeAll(async () => {
  luna = await startLuna({ files: await fixtureExtension("conformance") });
  session = await luna.signIn();
}, 60_000);
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

/** What a program keeps of its sign-in, and where it was sent. */
class Kept {
  readonly redirectUrl = "http://localhost:3118/callback";
  readonly clientMetadata = {
    client_name: "SDK test",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    application_type: "native",
  };
  opened: URL | undefined;
  #client: never | undefined;
  #tokens: { access_token: string; refresh_token?: string } | undefined;
  #verifier = "";
  #state = "";

  state(): string {
    this.#state = crypto.randomUUID();
    return this.#state;
  }
  get stateSent(): string {
    return this.#state;
  }
  clientInformation(): never | undefined {
    return this.#client;
  }
  saveClientInformation(client: unknown): void {
    this.#client = client as never;
  }
  tokens(): never | undefined {
    return this.#tokens as never;
  }
  saveTokens(tokens: unknown): void {
    this.#tokens = tokens as never;
  }
  redirectToAuthorization(url: URL): void {
    this.opened = url;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  /** As if an hour had passed. */
  forgetAccessToken(): void {
    if (this.#tokens !== undefined) this.#tokens.access_token = `luna-at-${"A".repeat(43)}`;
  }
  get accessToken(): string {
    return this.#tokens?.access_token ?? "";
  }
}

interface Signed {
  names(): Promise<string[]>;
  call(name: string): Promise<string>;
  close(): Promise<void>;
}

const NAME = { name: "test", version: "1" };

async function oldClient(kept: Kept, url: string): Promise<Signed> {
  const make = () =>
    new OldTransport(new URL(url), { authProvider: kept as never }) as OldTransport & never;
  const client = new OldClient(NAME);
  try {
    await client.connect(make());
  } catch (error) {
    if (kept.opened === undefined) throw error;
    await finish(kept, make());
    await client.connect(make());
  }
  return {
    names: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name) => JSON.stringify(await client.callTool({ name, arguments: {} })),
    close: () => client.close(),
  };
}

async function newClient(kept: Kept, url: string): Promise<Signed> {
  const make = () => new NewTransport(new URL(url), { authProvider: kept as never });
  const begin = () => new NewClient(NAME, { versionNegotiation: { mode: "auto" } });
  let client = begin();
  try {
    await client.connect(make());
  } catch (error) {
    if (kept.opened === undefined) throw error;
    await finish(kept, make());
    client = begin();
    await client.connect(make());
  }
  return {
    names: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name) => JSON.stringify(await client.callTool({ name, arguments: {} })),
    close: () => client.close(),
  };
}

/** The owner's browser, and the program's own listener, which gets the answer. */
async function finish(
  kept: Kept,
  transport: { finishAuth(code: string & URLSearchParams): Promise<void> },
): Promise<void> {
  if (kept.opened === undefined) throw new Error("No address was opened");
  expect(kept.opened.searchParams.get("code_challenge_method")).toBe("S256");
  expect(kept.opened.searchParams.get("scope")).toContain("tools");
  const to = await allowInBrowser(luna, session, kept.opened);
  expect(to.href).toStartWith(kept.redirectUrl);
  expect(to.searchParams.get("state")).toBe(kept.stateSent);
  expect(to.searchParams.get("iss")).toBe(kept.opened.origin);
  const isNew = transport instanceof NewTransport;
  const answer = isNew ? to.searchParams : (to.searchParams.get("code") ?? "");
  await transport.finishAuth(answer as string & URLSearchParams);
}

const KINDS = [
  ["the v1 SDK's provider", oldClient],
  ["the v2 SDK's provider", newClient],
] as const;

describe.each(KINDS)("%s", (_kind, connect) => {
  test("registers, signs in, lists and calls; refreshes; survives a restart of each part", async () => {
    const kept = new Kept();
    const client = await connect(kept, `${luna.url}/api/mcp`);
    expect(await client.names()).toContain("test_simple_text");
    expect(await client.call("test_simple_text")).toContain("simple text response");
    const before = kept.accessToken;
    kept.opened = undefined;
    kept.forgetAccessToken();
    expect(await client.call("test_simple_text")).toContain("simple text response");
    expect(kept.opened).toBeUndefined();
    expect([before, `luna-at-${"A".repeat(43)}`]).not.toContain(kept.accessToken);
    for (const part of ["mcp", "auth"]) {
      const pid = await luna.pidOf(part);
      sendSignal(pid, "SIGKILL");
      await until(() => statOf(pid) === undefined);
      await until(async () => (await luna.pidOf(part)) !== pid);
      const called = until(async () =>
        (await client.call("test_simple_text").catch(() => "")).includes("simple text response"),
      );
      await called;
    }
    expect(kept.opened).toBeUndefined();
    await client.close();
  }, 60_000);

  test("reaches the other name of this machine, too", async () => {
    if (connect === oldClient) return;
    const { port } = new URL(luna.url);
    const url = `http://localhost:${port}`;
    const kept = new Kept();
    const client = new NewClient(NAME);
    const transport = new NewTransport(new URL(`${url}/api/mcp`), { authProvider: kept as never });
    await client.connect(transport).catch(() => undefined);
    expect(kept.opened?.origin).toBe(url);
    expect(kept.opened?.searchParams.get("resource")).toBe(`${url}/api/mcp`);
    await client.close();
  });
});

const rpc = (token: string) =>
  fetch(`${luna.url}/api/mcp`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });

test("what the owner revokes ends within a second, from the command line as well", async () => {
  const { access_token, client_id } = await connectClient(luna, session, { name: "To be removed" });
  expect((await rpc(access_token)).status).toBe(200);
  const { stdout } = await luna.run("mcp", "clients", "--json");
  const { clients } = OAuthClientList.parse(JSON.parse(stdout));
  expect(clients.find(({ id }) => id === client_id)).toMatchObject({ name: "To be removed" });
  const shown = await luna.run("mcp", "clients", "list");
  expect(shown.stdout).toContain("To be removed");
  const removed = await luna.run("mcp", "clients", "revoke", client_id);
  expect([removed.code, removed.stderr]).toEqual([0, ""]);
  const before = performance.now();
  await until(async () => (await rpc(access_token)).status === 401);
  expect(performance.now() - before).toBeLessThan(2_000);
  const again = await luna.run("mcp", "clients", "revoke", client_id);
  expect(again.code).not.toBe(0);
});

test("a restart of the whole Luna signs no client out", async () => {
  const { access_token } = await connectClient(luna, session);
  expect((await rpc(access_token)).status).toBe(200);
  const { home, ports } = luna;
  await luna.stop();
  luna = await startLuna({ home, offset: ports.caddy - 8443 });
  await until(async () => (await rpc(access_token)).status === 200);
}, 60_000);
