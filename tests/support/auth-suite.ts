/** What must hold of sign-in and of the edge's question, on either database. */
import { afterEach, describe, expect, test } from "bun:test";
import { LoginLink, Me } from "../../src/contract/auth.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { assertionKey, verifyAssertion } from "../../src/lib/assertion.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import { LINK_LIFETIME_MS } from "../../src/services/auth/login-links.ts";
import { OWNER_ID } from "../../src/services/auth/owner.ts";
import {
  LAST_SEEN_INTERVAL_MS,
  SESSION_IDLE_MS,
  SESSION_LIFETIME_MS,
} from "../../src/services/auth/sessions.ts";
import {
  AUTH_TOKEN,
  type AuthHarness,
  type Clock,
  PUBLIC_HOST,
  startAuth,
} from "./auth-harness.ts";

const OWN = { Origin: `http://${PUBLIC_HOST}`, "Sec-Fetch-Site": "same-origin" };
const HTTPS = { "X-Forwarded-Proto": "https" };
/** A page of this Luna there. */
const HTTPS_PAGE = { ...HTTPS, Origin: `https://${PUBLIC_HOST}` };
const PARALLEL = 12;

async function codeOf(answer: Response): Promise<string> {
  return ErrorBody.parse(await answer.json()).error.code;
}

interface AuthSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function authSuite({ name, create }: AuthSuiteOptions): void {
  const running: AuthHarness[] = [];
  afterEach(async () => {
    for (const auth of running.splice(0)) await auth.close();
  });
  const start = async (settings?: DatabaseSettings, time?: Clock): Promise<AuthHarness> => {
    const auth = await startAuth(settings ?? (await create()), time === undefined ? {} : { time });
    running.push(auth);
    return auth;
  };

  describe(`${name}: one-time links`, () => {
    test("the command line makes one, and it signs the owner in once", async () => {
      const auth = await start();
      const made = await auth.request("/login-links", {
        method: "POST",
        headers: { Authorization: `Bearer ${AUTH_TOKEN}` },
      });
      expect(made.status).toBe(200);
      const link = LoginLink.parse(await made.json());
      expect(Date.parse(link.expires_at)).toBe(auth.time.now + LINK_LIFETIME_MS);
      const first = await auth.post("/auth/link", { token: link.token }, OWN);
      expect(first.status).toBe(200);
      expect(await first.json()).toEqual({ success: true });
      const cookie = first.headers.get("Set-Cookie") ?? "";
      const me = await auth.request("/auth/me", { headers: { Cookie: cookie } });
      expect(Me.parse(await me.json())).toEqual({
        authenticated: true,
        username: "owner",
        method: "link",
        signed_in_at: new Date(auth.time.now).toISOString(),
      });
      const second = await auth.post("/auth/link", { token: link.token }, OWN);
      expect(second.status).toBe(401);
      expect(second.headers.has("Set-Cookie")).toBe(false);
      expect(await second.text()).toContain("luna login-link");
    });

    test("of many parallel uses exactly one wins, over two processes", async () => {
      const settings = await create();
      const one = await start(settings);
      const two = await start(settings, one.time);
      const { token } = await one.links.create(OWNER_ID);
      const answers = await Promise.all(
        Array.from({ length: PARALLEL }, (_, i) =>
          (i % 2 === 0 ? one : two).post("/auth/link", { token }, { "X-Forwarded-For": `h${i}` }),
        ),
      );
      const statuses = answers.map((answer) => answer.status).sort();
      expect(statuses).toEqual([200, ...Array.from({ length: PARALLEL - 1 }, () => 401)]);
    });

    test("a link lasts thirty minutes, not a moment longer", async () => {
      const auth = await start();
      const early = await auth.links.create(OWNER_ID);
      const late = await auth.links.create(OWNER_ID);
      auth.time.now += LINK_LIFETIME_MS - 1;
      expect((await auth.post("/auth/link", { token: early.token })).status).toBe(200);
      auth.time.now += 1;
      expect((await auth.post("/auth/link", { token: late.token })).status).toBe(401);
    });

    test("it replaces this browser's own session, and takes nothing else away", async () => {
      const auth = await start();
      const elsewhere = await auth.signIn();
      const cookie = await auth.signIn();
      const other = await auth.links.create(OWNER_ID);
      const renewed = await auth.signIn({ Cookie: cookie, ...OWN });
      expect(renewed).not.toBe(cookie);
      expect((await auth.verify({ Cookie: renewed })).status).toBe(204);
      expect((await auth.verify({ Cookie: cookie })).status).toBe(401);
      expect((await auth.verify({ Cookie: elsewhere })).status).toBe(204);
      expect((await auth.post("/auth/link", { token: other.token })).status).toBe(200);
    });

    test("a token that somebody planted in the browser is never taken for the session's", async () => {
      const auth = await start();
      const planted = `luna_session=${"A".repeat(43)}`;
      const cookie = await auth.signIn({ Cookie: planted, ...OWN });
      expect(cookie).not.toBe(planted);
      expect((await auth.verify({ Cookie: planted })).status).toBe(401);
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
    });

    test("what is no token is refused without being looked up", async () => {
      const auth = await start();
      const { token } = await auth.links.create(OWNER_ID);
      for (const wrong of [`${token}x`, token.slice(1), hashSecret(token), "' OR 1=1 --", "0"]) {
        expect((await auth.post("/auth/link", { token: wrong })).status).toBe(401);
      }
    });

    test("a body that is not the contract's is 422, not JSON 400, too large 413", async () => {
      const auth = await start();
      const send = (body: string, type = "application/json") =>
        auth.request("/auth/link", { method: "POST", headers: { "Content-Type": type }, body });
      for (const body of [
        "{}",
        '{"token":""}',
        '{"token":1}',
        '{"token":"x","y":1}',
        "[]",
        "null",
      ]) {
        expect((await send(body)).status).toBe(422);
      }
      expect((await send("token=x", "application/x-www-form-urlencoded")).status).toBe(422);
      expect((await send('{"token":"x"}', "text/plain")).status).toBe(422);
      expect((await send("{")).status).toBe(400);
      const large = await send(JSON.stringify({ token: "x".repeat(20_000) }));
      expect(large.status).toBe(413);
      expect(await codeOf(large)).toBe("too_large");
    });

    test("the database holds no token that opens anything", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const { token } = await auth.links.create(OWNER_ID);
      const { queries, tables } = auth.database;
      const rows = JSON.stringify([
        await queries.select().from(tables.sessions),
        await queries.select().from(tables.login_links),
      ]);
      const session = cookie.split("=")[1] ?? "";
      expect(session).toHaveLength(43);
      expect(rows).toContain(hashSecret(session));
      expect(rows).toContain(hashSecret(token));
      expect(rows).not.toContain(session);
      expect(rows).not.toContain(token);
      const logged = auth.log.lines.join("\n");
      expect(logged).toContain("Somebody signed in");
      expect(logged).not.toContain(session);
    });
  });

  describe(`${name}: sessions`, () => {
    test("a session survives a restart of the process", async () => {
      const settings = await create();
      const before = await start(settings);
      const cookie = await before.signIn();
      const { token } = await before.links.create(OWNER_ID);
      await before.close();
      running.length = 0;
      const after = await start(settings, before.time);
      expect((await after.verify({ Cookie: cookie })).status).toBe(204);
      expect((await after.post("/auth/link", { token })).status).toBe(200);
    });

    test("it ends after thirty quiet days", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      auth.time.now += SESSION_IDLE_MS - 1;
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
      auth.time.now += SESSION_IDLE_MS - 1;
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
      auth.time.now += SESSION_IDLE_MS;
      expect((await auth.verify({ Cookie: cookie })).status).toBe(401);
      expect((await auth.request("/auth/me", { headers: { Cookie: cookie } })).status).toBe(401);
    });

    test("it ends after a hundred and eighty days however busy", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const end = auth.time.now + SESSION_LIFETIME_MS;
      while (auth.time.now < end - 1) {
        auth.time.now = Math.min(auth.time.now + SESSION_IDLE_MS - 1, end - 1);
        expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
      }
      auth.time.now = end;
      expect((await auth.verify({ Cookie: cookie })).status).toBe(401);
    });

    test("use is written down once a minute", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const lastSeen = async (): Promise<number | undefined> => {
        const { queries, tables } = auth.database;
        const [row] = await queries.select().from(tables.sessions);
        return row?.last_seen_at;
      };
      const began = auth.time.now;
      auth.time.now += LAST_SEEN_INTERVAL_MS - 1;
      await auth.verify({ Cookie: cookie });
      expect(await lastSeen()).toBe(began);
      auth.time.now += 1;
      await Promise.all(Array.from({ length: 3 }, () => auth.verify({ Cookie: cookie })));
      expect(await lastSeen()).toBe(began + LAST_SEEN_INTERVAL_MS);
    });

    test("signing out ends it for every process at once, and only it", async () => {
      const settings = await create();
      const one = await start(settings);
      const two = await start(settings, one.time);
      const cookie = await one.signIn();
      const other = await one.signIn();
      const out = await one.post("/auth/logout", {}, { Cookie: cookie, ...OWN });
      expect(await out.json()).toEqual({ success: true });
      expect(out.headers.get("Set-Cookie")).toMatch(/^luna_session=; Max-Age=0; Path=\/;/);
      expect((await two.verify({ Cookie: cookie })).status).toBe(401);
      expect((await two.verify({ Cookie: other })).status).toBe(204);
    });

    test("signing out works without a session", async () => {
      const auth = await start();
      for (const headers of [{}, OWN, { ...OWN, Cookie: "luna_session=unknown" }]) {
        const out = await auth.post("/auth/logout", {}, headers);
        expect(out.status).toBe(200);
        expect(await out.json()).toEqual({ success: true });
      }
    });

    test("expired rows are removed, living ones stay", async () => {
      const auth = await start();
      await auth.signIn();
      await auth.links.create(OWNER_ID);
      auth.time.now += SESSION_IDLE_MS;
      const cookie = await auth.signIn();
      await auth.sessions.purge();
      await auth.links.purge();
      const { queries, tables } = auth.database;
      expect(await queries.select().from(tables.sessions)).toHaveLength(1);
      expect(await queries.select().from(tables.login_links)).toHaveLength(1);
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
    });
  });

  describe(`${name}: the cookie`, () => {
    test("on http it is HttpOnly, SameSite=Lax and for the whole path", async () => {
      const auth = await start();
      const { token } = await auth.links.create(OWNER_ID);
      const answer = await auth.post("/auth/link", { token });
      const cookie = answer.headers.get("Set-Cookie") ?? "";
      const [pair, ...attributes] = cookie.split("; ");
      expect(pair).toMatch(/^luna_session=[A-Za-z0-9_-]{43}$/);
      expect(attributes.sort()).toEqual([
        "HttpOnly",
        `Max-Age=${SESSION_LIFETIME_MS / 1000}`,
        "Path=/",
        "SameSite=Lax",
      ]);
    });

    test("on https it is Secure too, and its name says so", async () => {
      const auth = await start();
      const { token } = await auth.links.create(OWNER_ID);
      const answer = await auth.post("/auth/link", { token }, HTTPS);
      const cookie = answer.headers.get("Set-Cookie") ?? "";
      const [pair = "", ...attributes] = cookie.split("; ");
      expect(pair).toMatch(/^__Host-luna_session=[A-Za-z0-9_-]{43}$/);
      expect(attributes).toContain("Secure");
      expect(attributes).toContain("Path=/");
      expect(attributes).toContain("HttpOnly");
      expect((await auth.verify({ Cookie: pair, ...HTTPS })).status).toBe(204);
      // A cookie without the prefix may have been planted by a neighbour.
      const planted = pair.replace("__Host-", "");
      expect((await auth.verify({ Cookie: planted, ...HTTPS })).status).toBe(401);
      const out = await auth.post("/auth/logout", {}, { Cookie: pair, ...OWN, ...HTTPS_PAGE });
      expect(out.headers.get("Set-Cookie")).toMatch(/^__Host-luna_session=; .*Secure/);
      expect((await auth.verify({ Cookie: pair, ...HTTPS })).status).toBe(401);
    });
  });

  describe(`${name}: verify`, () => {
    const NAVIGATION = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };

    test("a session passes with a signed statement of who it is", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const answer = await auth.verify({ Cookie: cookie });
      expect(answer.status).toBe(204);
      const identity = answer.headers.get("X-Luna-Identity") ?? "";
      const key = assertionKey(AUTH_TOKEN);
      expect(verifyAssertion(identity, { key, now: auth.time.now })).toEqual({
        subject: OWNER_ID,
        name: "owner",
        session: hashSecret(cookie.split("=")[1] ?? "").slice(0, 16),
        expires_at: auth.time.now + 60_000,
      });
    });

    test("among other cookies the session's is found", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const Cookie = `theme=dark; ${cookie}; luna_sessions=x`;
      expect((await auth.verify({ Cookie })).status).toBe(204);
    });

    test("a person without a session is sent to the sign-in page, and back later", async () => {
      const auth = await start();
      const uri = { "X-Forwarded-Uri": "/tools/NOTES_list?q=a%20b&x=1" };
      const html = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
      const target = encodeURIComponent(uri["X-Forwarded-Uri"]);
      for (const headers of [NAVIGATION, html, { "Sec-Fetch-Mode": "navigate" }]) {
        const answer = await auth.verify({ ...uri, ...headers });
        expect(answer.status).toBe(302);
        expect(answer.headers.get("Location")).toBe(`/login?returnTo=${target}`);
        expect(answer.headers.get("Cache-Control")).toBe("no-store");
      }
      const astray = await auth.verify({ ...NAVIGATION, "X-Forwarded-Uri": "//evil.example/" });
      expect(astray.headers.get("Location")).toBe("/login");
    });

    test("a program without a session gets 401 JSON", async () => {
      const auth = await start();
      const cases: Record<string, string>[] = [
        {},
        { Accept: "application/json" },
        { "Sec-Fetch-Mode": "cors", Accept: "text/html" },
        { "X-Forwarded-Method": "POST", Accept: "text/html" },
        { ...NAVIGATION, "X-Forwarded-Uri": "/api/supervisor/overview" },
        { ...NAVIGATION, "X-Forwarded-Uri": "/api" },
        { ...NAVIGATION, "X-Forwarded-Uri": "/api?x" },
        { Upgrade: "websocket", Origin: `http://${PUBLIC_HOST}` },
      ];
      for (const headers of cases) {
        const answer = await auth.verify(headers);
        expect(answer.status).toBe(401);
        expect(answer.headers.get("Content-Type")).toContain("application/json");
        expect(answer.headers.get("Cache-Control")).toBe("no-store");
        expect(answer.headers.has("X-Luna-Identity")).toBe(false);
        expect(await codeOf(answer)).toBe("unauthorized");
      }
    });

    test("a wrong, cut or empty session is none", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const [, token = ""] = cookie.split("=");
      const stranger = (token.startsWith("A") ? "B" : "A") + token.slice(1);
      for (const value of [stranger, token.slice(1), `${token}A`, hashSecret(token), "", "%00"]) {
        expect((await auth.verify({ Cookie: `luna_session=${value}` })).status).toBe(401);
      }
      expect((await auth.verify({ "X-Luna-Identity": "owner" })).status).toBe(401);
    });

    test("a foreign page may not change anything, nor open a WebSocket", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const changes = { Cookie: cookie, "X-Forwarded-Method": "POST" };
      const socket = { Cookie: cookie, Upgrade: "websocket" };
      for (const facts of [changes, socket]) {
        expect((await auth.verify({ ...facts, ...OWN })).status).toBe(204);
        for (const foreign of [
          { Origin: "http://evil.example" },
          { "Sec-Fetch-Site": "cross-site" },
          { ...OWN, "Sec-Fetch-Site": "same-site" },
          {},
        ]) {
          const answer = await auth.verify({ ...facts, ...foreign });
          expect(answer.status).toBe(403);
          expect(answer.headers.has("X-Luna-Identity")).toBe(false);
          expect(await codeOf(answer)).toBe("forbidden");
        }
      }
      const reading = { Cookie: cookie, "Sec-Fetch-Site": "cross-site", ...NAVIGATION };
      expect((await auth.verify(reading)).status).toBe(204);
    });

    test("a request whose method is unknown is treated as a change", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      expect((await auth.verify({ Cookie: cookie, "X-Forwarded-Method": "" })).status).toBe(403);
    });
  });

  describe(`${name}: who may ask`, () => {
    test("internal endpoints want the internal token", async () => {
      const auth = await start();
      const Cookie = await auth.signIn();
      for (const Authorization of ["", "Bearer", "Bearer wrong", `Basic ${AUTH_TOKEN}`]) {
        const headers = { Cookie, Authorization };
        const asked = await auth.request("/verify", { headers });
        expect(asked.status).toBe(401);
        const made = await auth.request("/login-links", { method: "POST", headers });
        expect(made.status).toBe(401);
        expect(await made.text()).not.toContain('token":');
      }
    });

    test("only loopback names are answered", async () => {
      const auth = await start();
      const headers = { Host: "rebound.example" };
      for (const path of ["/healthz", "/auth/methods", "/verify"]) {
        expect((await auth.request(path, { headers })).status).toBe(403);
      }
    });

    test("health and methods are public, everything else is a 404 JSON", async () => {
      const auth = await start();
      expect(await (await auth.request("/healthz")).json()).toEqual({ status: "ok" });
      const methods = await auth.request("/auth/methods");
      expect(await methods.json()).toEqual({
        link: true,
        passphrase: false,
        passkey: false,
        github: false,
        github_off: null,
      });
      for (const path of ["/", "/auth", "/auth/me/", "//auth/me"]) {
        const answer = await auth.request(path);
        expect(answer.status).toBe(404);
        expect(await codeOf(answer)).toBe("not_found");
      }
      expect((await auth.request("/auth/logout")).status).toBe(404);
    });

    test("no answer may be kept by a cache", async () => {
      const auth = await start();
      const paths = ["/auth/me", "/auth/methods", "/auth/login", "/verify", "/nothing"];
      for (const path of paths) {
        const answer = await auth.request(path);
        expect(answer.headers.get("Cache-Control")).toBe("no-store");
      }
    });

    test("GET /auth/login leads to the page, and on to own paths only", async () => {
      const auth = await start();
      const go = async (path: string): Promise<string | null> => {
        const answer = await auth.request(path);
        expect(answer.status).toBe(302);
        return answer.headers.get("Location");
      };
      expect(await go("/auth/login")).toBe("/login");
      expect(await go("/auth/login?returnTo=%2Ftools")).toBe("/login?returnTo=%2Ftools");
      expect(await go("/auth/login?returnTo=%2F%2Fevil.example")).toBe("/login");
      expect(await go("/auth/login?returnTo=%2F%5Cevil.example")).toBe("/login");
      expect(await go("/auth/login?returnTo=%2F%09%2Fevil.example")).toBe("/login");
      expect(await go("/auth/login?returnTo=%zz")).toBe("/login");
    });

    test("a foreign page can neither sign in nor out", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const { token } = await auth.links.create(OWNER_ID);
      for (const foreign of [
        { Origin: "http://evil.example" },
        { "Sec-Fetch-Site": "cross-site" },
      ]) {
        const signedIn = await auth.post("/auth/link", { token }, foreign);
        expect(signedIn.status).toBe(403);
        const out = await auth.post("/auth/logout", {}, { Cookie: cookie, ...foreign });
        expect(out.status).toBe(403);
      }
      expect((await auth.post("/auth/logout", {}, { Cookie: cookie })).status).toBe(403);
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
      expect((await auth.post("/auth/link", { token })).status).toBe(200);
    });
  });

  describe(`${name}: too many attempts`, () => {
    /** Bodies that are none count, too, and cost no hash. */
    const junk = { passphrase: 1 };
    const from = (address: string) => ({ "X-Forwarded-For": address });

    test("an address waits after ten failures, others do not", async () => {
      const auth = await start();
      for (let i = 0; i < 10; i += 1) {
        expect((await auth.post("/auth/passphrase", junk, from("192.0.2.1"))).status).toBe(422);
      }
      // What a client writes in front of the last hop changes nothing.
      for (const hops of ["192.0.2.1", "198.51.100.7, 192.0.2.1"]) {
        const answer = await auth.post("/auth/passphrase", junk, from(hops));
        expect(answer.status).toBe(429);
        expect(answer.headers.get("Retry-After")).toBe("6");
        expect(await codeOf(answer)).toBe("too_many");
      }
      expect((await auth.post("/auth/passphrase", junk, from("192.0.2.2"))).status).toBe(422);
      auth.time.now += 6000;
      expect((await auth.post("/auth/passphrase", junk, from("192.0.2.1"))).status).toBe(422);
    });

    test("success counts for nothing", async () => {
      const auth = await start();
      const passphrase = "a passphrase that is long enough";
      await auth.passphrases.set({ user_id: OWNER_ID, passphrase });
      for (let i = 0; i < 12; i += 1) {
        const answer = await auth.post("/auth/passphrase", { passphrase }, from("192.0.2.1"));
        expect(answer.status).toBe(200);
      }
    });

    test("a link signs in whatever was tried, from the same address and from everywhere", async () => {
      const auth = await start();
      const wrong = { token: "A".repeat(43) };
      for (let i = 0; i < 250; i += 1) {
        await auth.post("/auth/passphrase", junk, from(`192.0.2.${i % 25}`));
        expect((await auth.post("/auth/link", wrong, from("192.0.2.1"))).status).toBe(401);
      }
      expect((await auth.post("/auth/passphrase", junk, from("192.0.2.1"))).status).toBe(429);
      const { token } = await auth.links.create(OWNER_ID);
      expect((await auth.post("/auth/link", { token }, from("192.0.2.1"))).status).toBe(200);
    });

    test("junk passphrases keep no passkey out", async () => {
      const auth = await start();
      for (let i = 0; i < 250; i += 1) {
        await auth.post("/auth/passphrase", junk, from(`192.0.2.${i}`));
      }
      expect((await auth.post("/auth/passphrase", junk, from("192.0.2.251"))).status).toBe(429);
      // Refused as no passkey's answer, not as one too many.
      expect((await auth.post("/auth/passkey", {}, from("192.0.2.1"))).status).toBe(422);
      expect((await auth.post("/auth/passkey/options", {}, from("192.0.2.1"))).status).toBe(200);
    });

    test("strangers from everywhere do not lock a signed-in owner out", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      let refused = 0;
      for (let i = 0; i < 250; i += 1) {
        const answer = await auth.post("/auth/passphrase", junk, from(`192.0.2.${i}`));
        if (answer.status === 429) refused += 1;
      }
      expect(refused).toBe(50);
      expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
      const owner = { Cookie: cookie, ...OWN, ...from("192.0.2.1") };
      expect((await auth.post("/auth/passphrase", junk, owner)).status).toBe(422);
    });
  });
}
