/** What must hold of the OAuth authorization server, on either database: row by row what the MCP specification asks. */
import { afterEach, describe, expect, test } from "bun:test";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import {
  IDLE_LIFETIME_MS,
  UNUSED_LIFETIME_MS,
  UNUSED_MAX,
} from "../../src/services/auth/oauth/clients.ts";
import { GRANTS_OF_CLIENT_MAX } from "../../src/services/auth/oauth/grants.ts";
import { PENDING_LIFETIME_MS } from "../../src/services/auth/oauth/pending.ts";
import {
  ACCESS_LIFETIME_MS,
  CODE_LIFETIME_MS,
  REFRESH_GRACE_MS,
  REFRESH_IDLE_MS,
} from "../../src/services/auth/oauth/token-kinds.ts";
import { OWNER_ID } from "../../src/services/auth/owner.ts";
import { AUTH_TOKEN, type AuthHarness, CHECK_TOKEN, startAuth } from "./auth-harness.ts";
import { clientDocument, DOCUMENT_ID, startDocumentHost } from "./document-host.ts";
import {
  CALLBACK,
  type Client,
  hashOf,
  ISSUER,
  NAVIGATION,
  newPkce,
  oauthSteps,
  RESOURCE,
  type Tokens,
} from "./oauth-client.ts";

interface OAuthSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

const errorOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: string }).error;

export function oauthSuite({ name, create }: OAuthSuiteOptions): void {
  const running: AuthHarness[] = [];
  afterEach(async () => {
    for (const auth of running.splice(0)) await auth.close();
  });
  const start = async (setup: Parameters<typeof startAuth>[1] = {}) => {
    const auth = await startAuth(await create(), setup);
    running.push(auth);
    return { auth, ...oauthSteps(auth) };
  };
  const eventsOf = (auth: AuthHarness, action: string) =>
    auth.audit.events.filter((record) => record.action === action);

  describe(`${name}: OAuth`, () => {
    test("row 1: PKCE with S256 alone, and the metadata says so", async () => {
      const { auth, registered, authorize, usual, idIn, asked, codeFor, redeem } = await start();
      const metadata = await (await auth.request("/.well-known/oauth-authorization-server")).json();
      expect(metadata).toMatchObject({ code_challenge_methods_supported: ["S256"] });
      const client = await registered();
      const cookie = await auth.signIn();
      const { challenge } = newPkce();
      for (const change of [
        { code_challenge_method: "plain" },
        { code_challenge_method: "" },
        { code_challenge: "" },
        { code_challenge: "short" },
        { response_type: "token" },
      ]) {
        const answer = await authorize({ ...usual(client, challenge), ...change }, cookie);
        const view = (await (await asked(idIn(answer), cookie)).json()) as { fault: string };
        expect(view.fault).not.toBeNull();
      }
      const given = await codeFor(client);
      const wrong = await redeem(client, { ...given, verifier: newPkce().verifier });
      expect([wrong.status, await errorOf(wrong)]).toEqual([400, "invalid_grant"]);
      const missing = await redeem(client, { ...given, verifier: "" });
      expect(await errorOf(missing)).toBe("invalid_grant");
      expect((await redeem(client, given)).status).toBe(200);
    });

    test("rows 2, 3: metadata at exactly their places, with one issuer, and a real 404 elsewhere", async () => {
      const { auth } = await start();
      const server = await auth.request("/.well-known/oauth-authorization-server");
      expect(server.headers.get("Content-Type")).toContain("application/json");
      expect(server.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(await server.json()).toMatchObject({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/api/authorize`,
        token_endpoint: `${ISSUER}/api/token`,
        registration_endpoint: `${ISSUER}/api/register`,
        revocation_endpoint: `${ISSUER}/api/revoke`,
        client_id_metadata_document_supported: true,
        authorization_response_iss_parameter_supported: true,
      });
      const resource = await auth.request("/.well-known/oauth-protected-resource/api/mcp");
      expect(await resource.json()).toMatchObject({
        resource: RESOURCE,
        authorization_servers: [ISSUER],
        bearer_methods_supported: ["header"],
      });
      for (const path of [
        "oauth-protected-resource",
        "oauth-protected-resource/api",
        "oauth-protected-resource/api/mcp/",
        "oauth-protected-resource/api/mcp-work/mcp",
        "oauth-authorization-server/api/mcp",
        "openid-configuration",
        "openid-configuration/api/mcp",
        "jwks.json",
        "",
      ]) {
        expect([path, (await auth.request(`/.well-known/${path}`)).status]).toEqual([path, 404]);
      }
    });

    test("row 3: on one machine the issuer has the name that the client used", async () => {
      const { auth, registered, idIn, decide, locationOf, usual } = await start({
        publicUrl: "http://127.0.0.1:8443",
      });
      const at = { "X-Forwarded-Host": "localhost:8443" };
      const local = "http://localhost:8443";
      const server = await auth.request("/.well-known/oauth-authorization-server", { headers: at });
      expect(await server.json()).toMatchObject({ issuer: local });
      const resource = await auth.request("/.well-known/oauth-protected-resource/api/mcp", {
        headers: at,
      });
      expect(await resource.json()).toMatchObject({ resource: `${local}/api/mcp` });
      const client = await registered();
      const cookie = await auth.signIn();
      // Also when signing in has led the browser to another of its names.
      for (const host of ["localhost:8443", "127.0.0.1:8443"]) {
        const query = new URLSearchParams({
          ...usual(client, newPkce().challenge),
          resource: `${local}/api/mcp`,
        });
        const asked = await auth.request(`/api/authorize?${query}`, {
          headers: { ...NAVIGATION, "X-Forwarded-Host": host, Cookie: cookie },
        });
        const to = await locationOf(await decide(idIn(asked), cookie));
        expect(to.searchParams.get("iss")).toBe(local);
      }
    });

    test("row 4: a client is known by its document: fetched for the owner, kept as long as it says, and bound to its address", async () => {
      const host = startDocumentHost();
      try {
        const { auth, authorize, usual, idIn, asked, decide, locationOf, form, refresh } =
          await start({ network: host.network });
        const client = { client_id: DOCUMENT_ID };
        const cookie = await auth.signIn();
        const { verifier, challenge } = newPkce();
        const redirect_uri = "http://127.0.0.1:4711/callback";
        const query = { ...usual(client, challenge), redirect_uri };
        host.answer = () =>
          Response.json(clientDocument(), { headers: { "Cache-Control": "max-age=600" } });
        await authorize(query);
        expect(host.count()).toBe(0);
        const id = idIn(await authorize(query, cookie));
        expect(await (await asked(id, cookie)).json()).toMatchObject({
          client: { name: "Documented client", kind: "document", host: "client.example" },
          redirect: { kind: "loopback" },
        });
        const to = await locationOf(await decide(id, cookie));
        const code = to.searchParams.get("code") ?? "";
        const answer = await form("/api/token", {
          ...{ grant_type: "authorization_code", client_id: DOCUMENT_ID, code },
          ...{ code_verifier: verifier, redirect_uri },
        });
        const tokens = (await answer.json()) as Tokens;
        expect((await refresh(client, tokens.refresh_token)).status).toBe(200);
        await authorize(query, cookie);
        expect(host.count()).toBe(1);
        auth.time.now += 600_000;
        // The document's word of now counts, not the one of before.
        host.answer = () =>
          Response.json(clientDocument({ redirect_uris: ["https://else.example/cb"] }));
        const moved = await authorize(query, cookie);
        expect(moved.headers.get("Location")).toBe("/consent?problem=redirect_uri");
        auth.time.now += 24 * 60 * 60_000;
        host.answer = () => new Response("", { status: 500 });
        const lost = await authorize(query, cookie);
        expect(lost.headers.get("Location")).toBe("/consent?problem=client_document");
        expect(JSON.stringify(auth.audit.events.at(-1))).toContain("answers with status 500");
      } finally {
        await host.stop();
      }
    });

    test("a Luna that fetches nothing says so, and clients register", async () => {
      const host = startDocumentHost();
      try {
        const { auth, authorize, usual, registered, idIn } = await start({
          ...{ network: host.network, mcp: { client_documents: false } },
        });
        const server = await auth.request("/.well-known/oauth-authorization-server");
        expect(await server.json()).toMatchObject({ client_id_metadata_document_supported: false });
        const cookie = await auth.signIn();
        const { challenge } = newPkce();
        const query = { ...usual({ client_id: DOCUMENT_ID }, challenge) };
        const refused = await authorize(query, cookie);
        expect(refused.headers.get("Location")).toBe("/consent?problem=client_document");
        expect(JSON.stringify(auth.audit.events.at(-1))).toContain("mcp.client_documents");
        expect(host.count()).toBe(0);
        const client = await registered();
        idIn(await authorize(usual(client, challenge), cookie));
      } finally {
        await host.stop();
      }
    });

    test("row 5: what a client registers, and what it cannot", async () => {
      const { auth, register, registered } = await start();
      const client = await registered({ scope: "tools", application_type: "native" });
      expect(client).toMatchObject({
        ...{ client_name: "Test client", redirect_uris: [CALLBACK], response_types: ["code"] },
        ...{ token_endpoint_auth_method: "none", scope: "tools", application_type: "native" },
        grant_types: ["authorization_code", "refresh_token"],
      });
      expect(client.client_secret).toBeUndefined();
      const secretive = await registered({ token_endpoint_auth_method: "client_secret_post" });
      expect(secretive).toMatchObject({ client_secret_expires_at: 0 });
      expect(secretive.client_secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
      // What Cursor and VS Code send: what cannot be used is left out, the rest is there.
      const several = ["cursor://anysphere.cursor-mcp/oauth/callback", "javascript:alert(1)"];
      expect(await registered({ redirect_uris: several })).toMatchObject({
        redirect_uris: several.slice(0, 1),
      });
      for (const [metadata, error] of [
        [{ redirect_uris: ["http://client.example/cb"] }, "invalid_redirect_uri"],
        [{ redirect_uris: ["https://client.example/cb#part"] }, "invalid_redirect_uri"],
        [{ redirect_uris: ["data:text/html,x"] }, "invalid_redirect_uri"],
        [{ redirect_uris: [] }, "invalid_request"],
        [{ redirect_uris: undefined }, "invalid_request"],
        [{ response_types: ["token"] }, "invalid_client_metadata"],
        [{ grant_types: ["client_credentials"] }, "invalid_client_metadata"],
      ] as const) {
        const answer = await register(metadata);
        expect([answer.status, await errorOf(answer)]).toEqual([400, error]);
      }
      expect(eventsOf(auth, "oauth.register").map(({ outcome }) => outcome)).toContain("refused");
    });

    test("row 5: registrations are limited in number and time, and unused ones are forgotten", async () => {
      const { auth, register, registered, tokensFor, access } = await start();
      const { clients, grants } = auth.parts.oauth;
      const used = await registered();
      const { access_token } = await tokensFor(used);
      const unused = await registered();
      for (let i = 0; i < 100; i += 1) await register();
      expect((await register()).status).toBe(429);
      auth.time.now += UNUSED_LIFETIME_MS;
      await grants.purge();
      await clients.purge();
      expect(await clients.find(unused.client_id)).toBeUndefined();
      expect(await clients.find(used.client_id)).toBeDefined();
      auth.time.now += IDLE_LIFETIME_MS;
      await grants.purge();
      await clients.purge();
      expect(await clients.find(used.client_id)).toBeUndefined();
      expect(await access(access_token)).toBeNull();
    });

    test("row 5: with all places taken the oldest unused client makes room, none that was let in", async () => {
      const { auth, registered, codeFor } = await start();
      const { clients } = auth.parts.oauth;
      const kept = await registered();
      await codeFor(kept);
      const asked = { redirect_uris: [CALLBACK] };
      const { client: oldest } = await clients.register(asked);
      auth.time.now += 1;
      for (let i = 1; i < UNUSED_MAX; i += 1) await clients.register(asked);
      expect(clients.register(asked)).rejects.toThrow("wait to be let in");
      auth.time.now += 10 * 60_000;
      await clients.register(asked);
      expect(await clients.find(oldest.id)).toBeUndefined();
      expect(await clients.find(kept.client_id)).toBeDefined();
    }, 30_000);

    test("row 6: a token is for the resource that was asked for, and for nothing where none was", async () => {
      const {
        auth,
        registered,
        tokensFor,
        access,
        authorize,
        usual,
        idIn,
        asked,
        codeFor,
        redeem,
      } = await start();
      const client = await registered();
      const stranger = await registered();
      for (const resource of [RESOURCE, `${RESOURCE}/`, RESOURCE.replace("http://l", "HTTP://L")]) {
        const { access_token } = await tokensFor(client, { resource });
        expect(await access(access_token)).toMatchObject({ resource: RESOURCE, scope: "tools" });
      }
      const cookie = await auth.signIn();
      for (const resource of [`${ISSUER}/`, `${ISSUER}/api/mcp-work/mcp`, "https://else.example"]) {
        const query = { ...usual(stranger, newPkce().challenge), resource };
        const view = await asked(idIn(await authorize(query, cookie)), cookie);
        expect(((await view.json()) as { fault: string }).fault).toContain("is not here");
      }
      const given = await codeFor(client);
      const elsewhere = await redeem(client, given, { resource: "https://else.example/api/mcp" });
      expect(await errorOf(elsewhere)).toBe("invalid_target");
    });

    test("3.4-8: without a scope and a resource the server answers, with a token that opens nothing", async () => {
      const { auth, registered, authorize, usual, idIn, asked, decide, locationOf, form, access } =
        await start();
      const client = await registered();
      const { verifier, challenge } = newPkce();
      const { resource: _, scope: __, ...query } = usual(client, challenge);
      const cookie = await auth.signIn();
      const id = idIn(await authorize(query, cookie));
      expect(await (await asked(id, cookie)).json()).toMatchObject({ access: "nothing" });
      const to = await locationOf(await decide(id, cookie));
      const answer = await form("/api/token", {
        ...{ grant_type: "authorization_code", client_id: client.client_id },
        ...{ code: to.searchParams.get("code") ?? "", code_verifier: verifier },
      });
      expect(answer.status).toBe(200);
      const { access_token } = (await answer.json()) as Tokens;
      expect(await access(access_token)).toMatchObject({ resource: null, scope: "" });
    });

    test("row 6: a client that names the tools' scope and no resource means the MCP server", async () => {
      const { registered, tokensFor, access } = await start();
      const { access_token } = await tokensFor(await registered(), { resource: RESOURCE });
      expect(await access(access_token)).toMatchObject({ resource: RESOURCE });
    });

    test("row 7: the answer names the issuer, also when it is a refusal", async () => {
      const { auth, registered, authorize, usual, idIn, decide, locationOf } = await start();
      const client = await registered();
      const cookie = await auth.signIn();
      for (const decision of ["allow", "deny"]) {
        const query = usual(client, newPkce().challenge);
        const id = idIn(await authorize(query, cookie));
        const to = await locationOf(await decide(id, cookie, { decision }));
        expect(to.origin + to.pathname).toBe(CALLBACK);
        expect(to.searchParams.get("iss")).toBe(ISSUER);
        expect(to.searchParams.get("state")).toBe("the state");
        expect(to.searchParams.get("error")).toBe(decision === "deny" ? "access_denied" : null);
        expect(to.searchParams.has("code")).toBe(decision === "allow");
      }
    });

    test("row 8: a redirect_uri is the registered one to the letter; on the own computer the port may differ", async () => {
      const { auth, registered, authorize, usual } = await start();
      const cookie = await auth.signIn();
      const ask = async (client: Client, redirect_uri: string): Promise<string> => {
        const query = { ...usual(client, newPkce().challenge), redirect_uri };
        const answer = await authorize(query, cookie);
        return answer.headers.get("Location") ?? "";
      };
      const client = await registered();
      expect(await ask(client, CALLBACK)).toStartWith("/consent?request=");
      for (const uri of [
        `${CALLBACK}/`,
        `${CALLBACK}?x=1`,
        `${CALLBACK}#x`,
        "https://client.example/Callback",
        "https://client.example:443/callback",
        "https://CLIENT.example/callback",
        "https://client.example/a/../callback",
        "https://client.example.evil/callback",
        "https://client.example@evil/callback",
        "http://client.example/callback",
        "//client.example/callback",
        "",
      ]) {
        expect([uri, await ask(client, uri)]).toEqual([uri, "/consent?problem=redirect_uri"]);
      }
      const local = await registered({ redirect_uris: ["http://127.0.0.1:3118/callback"] });
      for (const uri of ["http://127.0.0.1:59656/callback", "http://127.0.0.1/callback"]) {
        expect(await ask(local, uri)).toStartWith("/consent?request=");
      }
      for (const uri of [
        ...["http://localhost:3118/callback", "http://127.0.0.1:3118/other"],
        ...["https://127.0.0.1:3118/callback", "http://127.0.0.1.evil.example:3118/callback"],
      ]) {
        expect([uri, await ask(local, uri)]).toEqual([uri, "/consent?problem=redirect_uri"]);
      }
    });

    test("row 8: a code is good once, for five minutes, for its client and its redirect_uri", async () => {
      const { auth, registered, codeFor, redeem } = await start();
      const client = await registered();
      const other = await registered();
      const given = await codeFor(client);
      expect(await errorOf(await redeem(other, given))).toBe("invalid_grant");
      const elsewhere = await redeem(client, given, { redirect_uri: "https://else.example/cb" });
      expect(await errorOf(elsewhere)).toBe("invalid_grant");
      const [first, second] = await Promise.all([redeem(client, given), redeem(client, given)]);
      // Whether the second ends what the first got, or came before it had anything: nothing of it is left.
      const statuses = [first.status, second.status].toSorted();
      expect([
        [200, 400],
        [400, 400],
      ]).toContainEqual(statuses);
      expect(await auth.parts.oauth.grants.list()).toEqual([]);
      const late = await codeFor(client);
      auth.time.now += CODE_LIFETIME_MS;
      expect(await errorOf(await redeem(client, late))).toBe("invalid_grant");
    });

    test("row 8: a code that comes again ends all that came of it", async () => {
      const { registered, codeFor, redeem, refresh, access } = await start();
      const client = await registered();
      const given = await codeFor(client);
      const tokens = (await (await redeem(client, given)).json()) as Tokens;
      expect(await access(tokens.access_token)).not.toBeNull();
      expect(await errorOf(await redeem(client, given))).toBe("invalid_grant");
      expect(await access(tokens.access_token)).toBeNull();
      expect(await errorOf(await refresh(client, tokens.refresh_token))).toBe("invalid_grant");
    });

    test("row 8: refresh tokens rotate, access tokens last an hour", async () => {
      const { auth, registered, tokensFor, refresh, access } = await start();
      const client = await registered();
      const first = await tokensFor(client);
      expect(first).toMatchObject({ token_type: "Bearer", expires_in: 3600, scope: "tools" });
      auth.time.now += ACCESS_LIFETIME_MS;
      expect(await access(first.access_token)).toBeNull();
      const answer = await refresh(client, first.refresh_token);
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
      const second = (await answer.json()) as Tokens;
      expect(second.refresh_token).not.toBe(first.refresh_token);
      expect(await access(second.access_token)).toMatchObject({ scope: "tools" });
      auth.time.now += REFRESH_IDLE_MS;
      expect(await errorOf(await refresh(client, second.refresh_token))).toBe("invalid_grant");
    });

    test("row 8: a refresh token that comes again later ends all that came of it", async () => {
      const { auth, registered, tokensFor, refresh, access } = await start();
      const client = await registered();
      const first = await tokensFor(client);
      const second = (await (await refresh(client, first.refresh_token)).json()) as Tokens;
      auth.time.now += REFRESH_GRACE_MS;
      expect(await errorOf(await refresh(client, first.refresh_token))).toBe("invalid_grant");
      expect(await access(second.access_token)).toBeNull();
      expect(await errorOf(await refresh(client, second.refresh_token))).toBe("invalid_grant");
      const [refused] = eventsOf(auth, "oauth.token").filter(({ outcome }) => outcome !== "ok");
      expect(JSON.stringify(refused)).toContain("was used before");
    });

    test("row 8: an answer that was lost, and several who refresh at once, get the same successor", async () => {
      const { auth, registered, tokensFor, refresh, access } = await start();
      const client = await registered();
      const first = await tokensFor(client);
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => refresh(client, first.refresh_token)),
      );
      const seconds = (await Promise.all(answers.map((one) => one.json()))) as Tokens[];
      expect(new Set(seconds.map((one) => one.refresh_token)).size).toBe(1);
      expect(new Set(seconds.map((one) => one.access_token)).size).toBe(5);
      auth.time.now += REFRESH_GRACE_MS - 1;
      const again = (await (await refresh(client, first.refresh_token)).json()) as Tokens;
      expect(again.refresh_token).toBe(seconds[0]?.refresh_token ?? "");
      // Once the successor is used, whoever has the one before is a second one.
      expect((await refresh(client, again.refresh_token)).status).toBe(200);
      expect(await errorOf(await refresh(client, first.refresh_token))).toBe("invalid_grant");
      expect(await access(again.access_token)).toBeNull();
    });

    test("row 8: a refresh may ask for less, never for more", async () => {
      const { registered, tokensFor, refresh, access } = await start();
      const client = await registered();
      const tokens = await tokensFor(client);
      const less = await refresh(client, tokens.refresh_token, { scope: "tools:read" });
      const narrow = (await less.json()) as Tokens;
      expect(await access(narrow.access_token)).toMatchObject({ scope: "tools:read" });
      const again = (await (await refresh(client, narrow.refresh_token)).json()) as Tokens;
      expect(again.scope).toBe("tools");
      const reading = await tokensFor(client, { scope: "tools:read" });
      const more = await refresh(client, reading.refresh_token, { scope: "tools" });
      expect(await errorOf(more)).toBe("invalid_scope");
    });

    test("row 9: only Luna's own tokens are tokens", async () => {
      const { registered, tokensFor, refresh, access } = await start();
      const client = await registered();
      const tokens = await tokensFor(client);
      for (const token of ["gho_0123456789abcdef", tokens.refresh_token, "", "luna-at-x"]) {
        expect(await access(token)).toBeNull();
      }
      expect(await errorOf(await refresh(client, tokens.access_token))).toBe("invalid_grant");
    });

    test("row 10: the owner is asked each time, by name, place and what it may do", async () => {
      const { auth, registered, authorize, usual, idIn, asked, decide, tokensFor } = await start();
      const client = await registered();
      await tokensFor(client);
      const cookie = await auth.signIn();
      const answer = await authorize(usual(client, newPkce().challenge), cookie);
      expect(await (await asked(idIn(answer), cookie)).json()).toEqual({
        client: { name: "Test client", kind: "registered", host: null, is_known: true },
        redirect: { kind: "web", host: "client.example" },
        ...{ access: "everything", stays: true, fault: null },
      });
      const local = await registered({
        client_name: " Two\nlines\u202e ",
        redirect_uris: ["http://localhost/cb"],
        grant_types: ["authorization_code"],
      });
      const query = {
        ...usual(local, newPkce().challenge),
        redirect_uri: "http://localhost:99/cb",
      };
      const id = idIn(await authorize({ ...query, scope: "tools:read claudeai" }, cookie));
      expect(await (await asked(id, cookie)).json()).toMatchObject({
        client: { name: "Two lines", is_known: false },
        redirect: { kind: "loopback", host: "localhost:99" },
        ...{ access: "read_only", stays: false },
      });
      expect((await decide(id, cookie)).status).toBe(200);
    });

    test("row 10: consent takes the page token, the session that was asked, and counts once", async () => {
      const { auth, registered, authorize, usual, idIn, asked, decide } = await start();
      const client = await registered();
      const cookie = await auth.signIn();
      const id = idIn(await authorize(usual(client, newPkce().challenge), cookie));
      const allow = { decision: "allow" };
      expect((await decide(id, cookie, allow, "")).status).toBe(403);
      const other = await auth.signIn();
      expect((await decide(id, cookie, allow, await auth.pageOf(other))).status).toBe(403);
      const cross = await auth.post(`/auth/account/oauth/requests/${id}`, allow, {
        ...{ Cookie: cookie, Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" },
        [PAGE_HEADER]: await auth.pageOf(cookie),
      });
      expect(cross.status).toBe(403);
      expect((await asked(id, other)).status).toBe(404);
      expect((await decide(id, other)).status).toBe(404);
      const both = await Promise.all([decide(id, cookie), decide(id, cookie)]);
      expect(both.map(({ status }) => status).toSorted()).toEqual([200, 404]);
      const late = idIn(await authorize(usual(client, newPkce().challenge), cookie));
      auth.time.now += PENDING_LIFETIME_MS;
      expect((await decide(late, cookie)).status).toBe(404);
    });

    test("CVE-2026-27124: what was begun in one browser cannot be finished in another", async () => {
      const { auth, registered, authorize, usual, idIn, asked, decide } = await start();
      const client = await registered();
      const [victim, attacker] = [await auth.signIn(), await auth.signIn()];
      const id = idIn(await authorize(usual(client, newPkce().challenge), attacker));
      expect((await asked(id, victim)).status).toBe(404);
      expect((await decide(id, victim)).status).toBe(404);
      expect(await auth.parts.oauth.grants.list()).toEqual([]);
      // Nor by whoever has no session, or ended it.
      expect((await asked(id, "")).status).toBe(401);
      expect((await decide(id, attacker)).status).toBe(200);
    });

    test("row 10: without a session nothing is fetched, kept or redirected to a client", async () => {
      const { auth, registered, authorize, usual } = await start({
        network: {
          resolve: () => Promise.reject(new Error("must not be asked")),
          isPublic: () => true,
          port: 1,
        },
      });
      const client = await registered();
      const query = usual(client, newPkce().challenge);
      for (const change of [
        {},
        { response_type: "token" },
        { redirect_uri: "https://evil.example" },
        { client_id: "https://client.example/id.json" },
        { client_id: "nobody" },
      ]) {
        const answer = await authorize({ ...query, ...change });
        expect(answer.status).toBe(302);
        const to = answer.headers.get("Location") ?? "";
        expect(to).toStartWith("/login?returnTo=%2Fapi%2Fauthorize%3F");
      }
      // That a client came so far is recorded, as its owner wonders why it comes no further.
      const begun = eventsOf(auth, "oauth.authorize");
      expect(begun.length).toBeGreaterThan(0);
      for (const event of begun) {
        const details = expect.objectContaining({ step: expect.stringContaining("sign-in") });
        expect(event).toMatchObject({ actor: { kind: "anonymous" }, outcome: "ok", details });
      }
      const program = await auth.request(`/api/authorize?${new URLSearchParams(query)}`);
      expect(program.status).toBe(401);
      // Nor does a script of a page on the same origin begin anything.
      const script = await auth.request(`/api/authorize?${new URLSearchParams(query)}`, {
        headers: {
          Cookie: await auth.signIn(),
          "Sec-Fetch-Mode": "cors",
          "Sec-Fetch-Dest": "empty",
        },
      });
      expect(script.status).toBe(403);
      const refused = eventsOf(auth, "oauth.authorize").slice(begun.length);
      expect(refused.map(({ actor, outcome }) => `${actor.kind} ${outcome}`)).toEqual([
        ...["anonymous refused", "owner refused"],
      ]);
    });

    test("row 8: an error goes back by itself only to where the owner has let it go, or to their own computer", async () => {
      const { auth, registered, authorize, usual, idIn, tokensFor, asked, decide, locationOf } =
        await start();
      const client = await registered();
      const cookie = await auth.signIn();
      const bad = { ...usual(client, newPkce().challenge), code_challenge_method: "plain" };
      const id = idIn(await authorize(bad, cookie));
      const view = (await (await asked(id, cookie)).json()) as { fault: string };
      expect(view.fault).toContain("S256");
      // Even if the owner says yes, it is a no.
      const to = await locationOf(await decide(id, cookie));
      expect(to.searchParams.get("error")).toBe("invalid_request");
      expect(to.searchParams.has("code")).toBe(false);
      await tokensFor(client);
      const again = new URL((await authorize(bad, cookie)).headers.get("Location") ?? "", ISSUER);
      expect(again.origin + again.pathname).toBe(CALLBACK);
      expect(again.searchParams.get("iss")).toBe(ISSUER);
      expect(again.searchParams.get("state")).toBe("the state");
      const local = await registered({ redirect_uris: ["http://127.0.0.1/cb"] });
      const home = { ...bad, client_id: local.client_id, redirect_uri: "http://127.0.0.1:5/cb" };
      const back = (await authorize(home, cookie)).headers.get("Location") ?? "";
      expect(back).toStartWith("http://127.0.0.1:5/cb?error=invalid_request&");
    });

    test("row 8: what is said twice, or by nobody, is told to the owner alone", async () => {
      const { auth, registered, authorize, usual } = await start();
      const client = await registered();
      const cookie = await auth.signIn();
      const query = new URLSearchParams(usual(client, newPkce().challenge));
      query.append("redirect_uri", "https://evil.example/cb");
      const twice = await authorize(query, cookie);
      expect(twice.headers.get("Location")).toBe("/consent?problem=repeated_parameter");
      const nobody = await authorize({ client_id: "nobody" }, cookie);
      expect(nobody.headers.get("Location")).toBe("/consent?problem=unknown_client");
      const events = eventsOf(auth, "oauth.authorize");
      expect(events.map(({ outcome }) => outcome)).toEqual(["refused", "refused"]);
    });

    test("row 12: behind https everything is https, and so are redirect addresses but those of the own computer", async () => {
      const { auth, register, registered } = await start({
        ...{ publicUrl: "https://luna.example", mode: "custom_domain" },
      });
      const metadata = await (await auth.request("/.well-known/oauth-authorization-server")).json();
      const addresses = Object.entries(metadata as Record<string, unknown>).filter(
        ([name]) => name === "issuer" || name.endsWith("_endpoint"),
      );
      expect(addresses).toHaveLength(5);
      for (const [, address] of addresses) expect(address).toStartWith("https://luna.example");
      // Whatever name somebody puts into the request.
      const spoofed = await auth.request("/.well-known/oauth-authorization-server", {
        headers: { "X-Forwarded-Host": "evil.example" },
      });
      expect(await spoofed.json()).toEqual(metadata);
      expect((await register({ redirect_uris: ["http://client.example/cb"] })).status).toBe(400);
      await registered({ redirect_uris: ["http://[::1]:7/cb"] });
      expect(await auth.signIn({ "X-Forwarded-Proto": "https" })).toStartWith("__Host-");
    });

    test("the owner may allow less than was asked for", async () => {
      const { registered, tokensFor, access } = await start();
      const decision = { decision: "allow", read_only: true };
      const scope = "tools tools:read offline_access";
      const tokens = await tokensFor(await registered(), { scope }, decision);
      expect(tokens.scope).toBe("tools:read offline_access");
      expect(await access(tokens.access_token)).toMatchObject({ scope: tokens.scope });
    });

    test("a client with a secret has to bring it, either way", async () => {
      const { registered, codeFor, redeem, form } = await start();
      const client = await registered({ token_endpoint_auth_method: "client_secret_basic" });
      const secret = client.client_secret ?? "";
      const given = await codeFor(client);
      for (const more of [{}, { client_secret: "wrong" }, { client_secret: "" }]) {
        const answer = await redeem(client, given, more);
        expect([answer.status, await errorOf(answer)]).toEqual([401, "invalid_client"]);
      }
      expect((await redeem(client, given, { client_secret: secret })).status).toBe(200);
      const next = await codeFor(client);
      const fields = {
        ...{ grant_type: "authorization_code", code: next.code, code_verifier: next.verifier },
      };
      const basic = (text: string) => ({ Authorization: `Basic ${btoa(text)}` });
      const wrong = await form("/api/token", fields, basic(`${client.client_id}:wrong`));
      expect(wrong.headers.get("WWW-Authenticate")).toContain("Basic");
      const right = await form("/api/token", fields, basic(`${client.client_id}:${secret}`));
      expect(right.status).toBe(200);
    });

    test("what is no request of a token is refused in OAuth's words", async () => {
      const { registered, form, auth } = await start();
      const { client_id } = await registered();
      for (const [fields, status, error] of [
        [{ client_id }, 400, "invalid_request"],
        [{ client_id, grant_type: "password" }, 400, "unsupported_grant_type"],
        [{ client_id, grant_type: "authorization_code" }, 400, "invalid_request"],
        [{ client_id, grant_type: "refresh_token", refresh_token: "x" }, 400, "invalid_grant"],
        [{ grant_type: "authorization_code", code: "x" }, 401, "invalid_client"],
        [{ client_id: "nobody", grant_type: "authorization_code" }, 401, "invalid_client"],
      ] as const) {
        const answer = await form("/api/token", fields);
        expect([answer.status, await errorOf(answer)]).toEqual([status, error]);
      }
      const json = await auth.post("/api/token", { client_id, grant_type: "authorization_code" });
      expect(json.status).toBe(400);
    });

    test("RFC 7009: a client ends its tokens, and nobody else's", async () => {
      const { registered, tokensFor, form, access, refresh } = await start();
      const [client, other] = [await registered(), await registered()];
      const tokens = await tokensFor(client);
      const revoke = (token: string, { client_id }: Client) =>
        form("/api/revoke", { token, client_id });
      for (const token of [tokens.access_token, tokens.refresh_token, "unknown"]) {
        expect((await revoke(token, other)).status).toBe(200);
      }
      expect(await access(tokens.access_token)).not.toBeNull();
      await revoke(tokens.access_token, client);
      expect(await access(tokens.access_token)).toBeNull();
      const next = (await (await refresh(client, tokens.refresh_token)).json()) as Tokens;
      await revoke(next.refresh_token, client);
      expect(await access(next.access_token)).toBeNull();
      expect((await revoke(next.refresh_token, { client_id: "nobody" })).status).toBe(401);
    });

    test("the owner sees what was allowed, and ends one connection or all of a client", async () => {
      const { auth, registered, tokensFor, access, refresh } = await start();
      const client = await registered();
      await registered();
      const [one, other] = [await tokensFor(client), await tokensFor(client)];
      const cookie = await auth.signIn();
      const headers = async () => ({
        ...{ Cookie: cookie, Origin: ISSUER, [PAGE_HEADER]: await auth.pageOf(cookie) },
      });
      const list = async () => {
        const answer = await auth.request("/auth/account/oauth/clients", {
          headers: { Cookie: cookie },
        });
        return ((await answer.json()) as { clients: { grants: { id: string }[] }[] }).clients;
      };
      const [shown, ...others] = await list();
      expect(others).toEqual([]);
      expect(shown).toMatchObject({ id: client.client_id, name: "Test client" });
      expect(shown?.grants).toHaveLength(2);
      const { grant } = (await access(one.access_token)) as { grant: string };
      const end = async (path: string) =>
        auth.request(path, { method: "DELETE", headers: await headers() });
      expect((await end(`/auth/account/oauth/grants/${grant}`)).status).toBe(200);
      expect(await access(one.access_token)).toBeNull();
      expect(await access(other.access_token)).not.toBeNull();
      const path = `/auth/account/oauth/clients?client_id=${client.client_id}`;
      expect(
        (await auth.request(path, { method: "DELETE", headers: { Cookie: cookie } })).status,
      ).toBe(403);
      expect((await end(path)).status).toBe(200);
      expect(await access(other.access_token)).toBeNull();
      expect((await refresh(client, other.refresh_token)).status).toBe(401);
      expect((await end(path)).status).toBe(404);
      expect(await list()).toEqual([]);
    });

    test("the command line lists and removes clients with auth's own token, and nobody else does", async () => {
      const { auth, registered, tokensFor, access } = await start();
      const client = await registered();
      const { access_token } = await tokensFor(client);
      const path = `/oauth/clients?client_id=${client.client_id}`;
      for (const token of [CHECK_TOKEN, "wrong", ""]) {
        const headers = { Authorization: `Bearer ${token}` };
        expect((await auth.request("/oauth/clients", { headers })).status).toBe(401);
        expect((await auth.request(path, { method: "DELETE", headers })).status).toBe(401);
      }
      const headers = { Authorization: `Bearer ${AUTH_TOKEN}` };
      const listed = await auth.request("/oauth/clients", { headers });
      expect(JSON.stringify(await listed.json())).toContain("Test client");
      expect((await auth.request(path, { method: "DELETE", headers })).status).toBe(200);
      expect(await access(access_token)).toBeNull();
    });

    test("tokens of somebody whom GitHub's list does not have any more open nothing", async () => {
      const variables = {
        ...{ GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret" },
        ALLOWED_GITHUB_USERNAME: "octocat",
      };
      const settings = await create();
      const mode = "custom_domain" as const;
      const begin = async (more: object) => {
        const auth = await startAuth(settings, { mode, variables: { ...variables, ...more } });
        running.push(auth);
        return { auth, ...oauthSteps(auth) };
      };
      const first = await begin({});
      const { accounts } = first.auth.parts.github;
      await accounts.identify({ github_id: 7, login: "octocat" });
      const client = await first.registered();
      const { client: known } = {
        client: await first.auth.parts.oauth.clients.find(client.client_id),
      };
      if (known === undefined) throw new Error("The client is not there");
      const { verifier, challenge } = newPkce();
      const code = await first.auth.parts.oauth.grants.allow({
        ...{ client: known, redirect_uri: CALLBACK, scope: "tools", resource: RESOURCE, challenge },
        by: { user_id: OWNER_ID, method: "github", github_id: 7 },
      });
      const tokens = (await (await first.redeem(client, { code, verifier })).json()) as Tokens;
      expect(await first.access(tokens.access_token)).not.toBeNull();
      const second = await begin({ ALLOWED_GITHUB_USERNAME: "somebody-else" });
      expect(await second.access(tokens.access_token)).toBeNull();
      expect((await second.refresh(client, tokens.refresh_token)).status).toBe(400);
      const third = await begin({});
      expect(await third.access(tokens.access_token)).not.toBeNull();
      await third.auth.parts.github.accounts.forget(7);
      expect(await third.access(tokens.access_token)).toBeNull();
    });

    test("everything survives a restart, and no secret is in the database", async () => {
      const settings = await create();
      const first = await startAuth(settings);
      const steps = oauthSteps(first);
      const client = await steps.registered({ token_endpoint_auth_method: "client_secret_post" });
      const { client_secret = "" } = client;
      const given = await steps.codeFor(client);
      const answer = await steps.redeem(client, given, { client_secret });
      const tokens = (await answer.json()) as Tokens;
      const { tables, queries } = first.database;
      const rows = JSON.stringify([
        await queries.select().from(tables.oauth_clients),
        await queries.select().from(tables.oauth_grants),
        await queries.select().from(tables.oauth_tokens),
      ]);
      for (const secret of [client_secret, given.code, tokens.access_token, tokens.refresh_token]) {
        expect(rows).not.toContain(secret);
        expect(JSON.stringify(first.audit.events) + first.log.lines.join()).not.toContain(secret);
        expect(rows).toContain(hashOf(secret));
      }
      await first.close();
      const second = await startAuth(settings);
      running.push(second);
      const later = oauthSteps(second);
      expect(await later.access(tokens.access_token)).not.toBeNull();
      const next = await later.refresh(client, tokens.refresh_token, { client_secret });
      expect(next.status).toBe(200);
    });

    test("MCP is told why a token opens nothing, and whose it is", async () => {
      const { auth, registered, tokensFor, told } = await start();
      const tokens = await tokensFor(await registered());
      const why = async (token: string) => (await told(token)).refusal;
      expect(await told(tokens.access_token)).toMatchObject({ refusal: null });
      const client_name = expect.any(String);
      const refresh = await why(tokens.refresh_token);
      expect(refresh).toEqual({ fault: "not_for_access", client_name });
      expect(await why("luna-at-never-was")).toEqual({ fault: "unknown", client_name: null });
      auth.time.now += ACCESS_LIFETIME_MS;
      expect(await why(tokens.access_token)).toEqual({ fault: "expired", client_name });
      auth.time.now += REFRESH_IDLE_MS;
      expect(await why(tokens.access_token)).toEqual({ fault: "not_allowed", client_name });
    });

    test("that somebody looked up how to sign in is recorded, with what program it was", async () => {
      const { auth } = await start();
      const path = "/.well-known/oauth-protected-resource/api/mcp";
      await auth.request(path, { headers: { "User-Agent": "Claude-User" } });
      await auth.request(path, { method: "OPTIONS" });
      expect(eventsOf(auth, "oauth.discover")).toMatchObject([
        { target: path, outcome: "ok", details: { user_agent: "Claude-User" } },
      ]);
    });

    test("a client has at most so many connections: the one unused longest goes", async () => {
      const { auth, registered, tokensFor, access } = await start();
      const client = await registered();
      const first = await tokensFor(client);
      for (let i = 0; i < GRANTS_OF_CLIENT_MAX; i += 1) {
        auth.time.now += 1000;
        await tokensFor(client);
      }
      expect(await auth.parts.oauth.grants.list()).toHaveLength(GRANTS_OF_CLIENT_MAX);
      expect(await access(first.access_token)).toBeNull();
    }, 30_000);

    test("who asks too often is told to wait", async () => {
      const { form } = await start();
      const answers = [];
      for (let i = 0; i < 125; i += 1) {
        answers.push(await form("/api/token", { grant_type: "x", client_id: "nobody" }));
      }
      const last = answers.at(-1);
      expect(last?.status).toBe(429);
      expect(Number(last?.headers.get("Retry-After"))).toBeGreaterThan(0);
    });
  });
}
