/** What must hold of the owner's sessions and passphrase, on either database. */
import { afterEach, describe, expect, test } from "bun:test";
import { Ended, Me, PassphraseView, SessionList } from "../../src/contract/auth.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { FOUND_LIFETIME_MS } from "../../src/services/auth/found-sessions.ts";
import { OWNER_ID } from "../../src/services/auth/owner.ts";
import { LAST_SEEN_INTERVAL_MS, SESSION_IDLE_MS } from "../../src/services/auth/sessions.ts";
import { AUTH_TOKEN, type AuthHarness, PUBLIC_HOST, startAuth } from "./auth-harness.ts";

const OWN = { Origin: `http://${PUBLIC_HOST}`, "Sec-Fetch-Site": "same-origin" };
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/** Twenty hashes after one another, on a machine that is busy with others. */
const SLOW_MS = 60_000;
const PASSPHRASE = "seven quiet moons at noon";
const OTHER = "eight loud suns by night";
const from = (address: string) => ({ "X-Forwarded-For": address });

interface AccountSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function accountSuite({ name, create }: AccountSuiteOptions): void {
  const running: AuthHarness[] = [];
  afterEach(async () => {
    for (const auth of running.splice(0)) await auth.close();
  });
  const start = async (settings?: DatabaseSettings, time?: AuthHarness["time"]) => {
    const auth = await startAuth(settings ?? (await create()), time === undefined ? {} : { time });
    running.push(auth);
    return auth;
  };
  const listOf = async (auth: AuthHarness, cookie: string) => {
    const answer = await auth.request("/auth/account/sessions", { headers: { Cookie: cookie } });
    return SessionList.parse(await answer.json()).sessions;
  };
  const send = async (
    auth: AuthHarness,
    method: string,
    path: string,
    cookie: string,
    body?: unknown,
  ): Promise<Response> => {
    const page = await auth.pageOf(cookie);
    return auth.request(path, {
      method,
      headers: {
        ...{ Cookie: cookie, ...OWN, "X-Luna-Page": page },
        "Content-Type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const isAlive = async (auth: AuthHarness, cookie: string) =>
    (await auth.verify({ Cookie: cookie })).status === 204;
  const signInWith = (auth: AuthHarness, passphrase: string, headers = {}) =>
    auth.post("/auth/passphrase", { passphrase }, { ...OWN, ...headers });
  const cookieOf = (answer: Response): string =>
    answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";

  describe(`${name}: the owner's sessions`, () => {
    test("are listed with where they began, the one used last first", async () => {
      const auth = await start();
      const first = await auth.signIn({ "User-Agent": FIREFOX, ...from("192.0.2.7") });
      auth.time.now += LAST_SEEN_INTERVAL_MS;
      const second = await auth.signIn();
      const [one, two, ...rest] = await listOf(auth, second);
      expect(rest).toEqual([]);
      expect(one).toMatchObject({ current: true, method: "link", browser: null });
      expect(two).toEqual({
        id: two?.id ?? "",
        method: "link",
        created_at: new Date(auth.time.now - LAST_SEEN_INTERVAL_MS).toISOString(),
        last_seen_at: new Date(auth.time.now - LAST_SEEN_INTERVAL_MS).toISOString(),
        expires_at: new Date(auth.time.now - LAST_SEEN_INTERVAL_MS + SESSION_IDLE_MS).toISOString(),
        address: "192.0.2.7",
        browser: "Firefox on Linux",
        current: false,
      });
      expect(two?.id).toMatch(/^[0-9a-f]{16}$/);
      auth.time.now += LAST_SEEN_INTERVAL_MS;
      expect((await listOf(auth, first))[0]?.id).toBe(two?.id ?? "");
      auth.time.now += SESSION_IDLE_MS;
      const third = await auth.signIn();
      expect(await listOf(auth, third)).toHaveLength(1);
    });

    test("end one by one, with the next request, and within a second where another process asks", async () => {
      const settings = await create();
      const auth = await start(settings);
      const elsewhere = await start(settings, auth.time);
      const [mine, lost, kept] = [await auth.signIn(), await auth.signIn(), await auth.signIn()];
      expect(await isAlive(elsewhere, lost)).toBe(true);
      const id = (await listOf(auth, lost)).find(({ current }) => current)?.id ?? "";
      const ended = await send(auth, "DELETE", `/auth/account/sessions/${id}`, mine);
      expect(Ended.parse(await ended.json())).toEqual({ ended: 1 });
      expect(await isAlive(auth, lost)).toBe(false);
      expect((await auth.request("/auth/me", { headers: { Cookie: lost } })).status).toBe(401);
      auth.time.now += FOUND_LIFETIME_MS;
      expect(await isAlive(elsewhere, lost)).toBe(false);
      expect(await isAlive(elsewhere, kept)).toBe(true);
      for (const unknown of [id, "%25", "", "_".repeat(16), id.slice(1), `${id}0`]) {
        const again = await send(auth, "DELETE", `/auth/account/sessions/${unknown}`, mine);
        expect(again.status).toBe(404);
      }
      expect(await isAlive(auth, kept)).toBe(true);
    });

    test("end all but the one that asks", async () => {
      const auth = await start();
      const others = [await auth.signIn(), await auth.signIn()];
      const mine = await auth.signIn();
      const ended = await send(auth, "DELETE", "/auth/account/sessions", mine);
      expect(await ended.json()).toEqual({ ended: 2 });
      for (const other of others) expect(await isAlive(auth, other)).toBe(false);
      expect(await isAlive(auth, mine)).toBe(true);
    });

    test("are nobody else's to see or end", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      const [session] = await listOf(auth, cookie);
      const path = `/auth/account/sessions/${session?.id}`;
      for (const asked of ["/auth/account/sessions", "/auth/account/passphrase"]) {
        expect((await auth.request(asked)).status).toBe(401);
        const planted = { headers: { Cookie: `luna_session=${session?.id}` } };
        expect((await auth.request(asked, planted)).status).toBe(401);
      }
      expect((await auth.request(path, { method: "DELETE" })).status).toBe(401);
      for (const foreign of [{ Origin: "http://evil.example" }, {}]) {
        const headers = { Cookie: cookie, ...foreign };
        expect((await auth.request(path, { method: "DELETE", headers })).status).toBe(403);
      }
      expect(await isAlive(auth, cookie)).toBe(true);
    });
  });

  describe(`${name}: the passphrase`, () => {
    test("is set by who is signed in, signs in, and is kept as argon2id alone", async () => {
      const auth = await start();
      const methods = async () => (await auth.request("/auth/methods")).json();
      expect(await methods()).toMatchObject({ passphrase: false });
      const cookie = await auth.signIn();
      const body = { passphrase: PASSPHRASE };
      expect((await send(auth, "PUT", "/auth/account/passphrase", cookie, body)).status).toBe(200);
      expect(await methods()).toMatchObject({ passphrase: true });
      const view = await auth.request("/auth/account/passphrase", { headers: { Cookie: cookie } });
      expect(PassphraseView.parse(await view.json())).toEqual({
        changed_at: new Date(auth.time.now).toISOString(),
      });
      const answer = await signInWith(auth, PASSPHRASE);
      expect(await answer.json()).toEqual({ success: true });
      const me = await auth.request("/auth/me", { headers: { Cookie: cookieOf(answer) } });
      expect(Me.parse(await me.json())).toMatchObject({ username: "owner", method: "passphrase" });
      const { queries, tables } = auth.database;
      const [row] = await queries.select().from(tables.passphrases);
      expect(row?.hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
      const everything = JSON.stringify([
        row,
        auth.log.lines,
        await queries.select().from(tables.sessions),
      ]);
      expect(everything).not.toContain(PASSPHRASE);
    });

    test("survives a restart, and is the same however its letters were composed", async () => {
      const settings = await create();
      const auth = await start(settings);
      await auth.passphrases.set({ user_id: OWNER_ID, passphrase: "Füße über dem Fluß" });
      const again = await start(settings, auth.time);
      const typed = "Füße über dem Fluß".normalize("NFD");
      expect((await signInWith(again, typed)).status).toBe(200);
      expect((await signInWith(again, "fuesse ueber dem fluss")).status).toBe(401);
    });

    test("cannot be an easy one, and a wrong one says how to get in", async () => {
      const auth = await start();
      const cookie = await auth.signIn();
      for (const passphrase of ["short", "password1234", "a".repeat(30)]) {
        const answer = await send(auth, "PUT", "/auth/account/passphrase", cookie, { passphrase });
        expect(answer.status).toBe(422);
        expect(ErrorBody.parse(await answer.json()).error.message).toStartWith(
          "Cannot use this passphrase: ",
        );
      }
      for (const passphrase of [PASSPHRASE, ""]) {
        const answer = await signInWith(auth, passphrase);
        expect(answer.status).toBe(passphrase === "" ? 422 : 401);
        expect(answer.headers.has("Set-Cookie")).toBe(false);
      }
    });

    test("changes only with the current one, and ends the others' sessions made with it", async () => {
      const auth = await start();
      await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
      const mine = cookieOf(await signInWith(auth, PASSPHRASE));
      const thief = cookieOf(await signInWith(auth, PASSPHRASE));
      const link = await auth.signIn();
      const change = (body: object) => send(auth, "PUT", "/auth/account/passphrase", mine, body);
      for (const wrong of [{ passphrase: OTHER }, { passphrase: OTHER, current: OTHER }]) {
        const answer = await change(wrong);
        expect(answer.status).toBe(403);
        expect(ErrorBody.parse(await answer.json()).error.code).toBe("wrong_passphrase");
      }
      expect(await isAlive(auth, thief)).toBe(true);
      const answer = await change({ passphrase: OTHER, current: PASSPHRASE });
      expect(await answer.json()).toEqual({ ended: 1 });
      expect(await isAlive(auth, thief)).toBe(false);
      expect(await isAlive(auth, mine)).toBe(true);
      expect(await isAlive(auth, link)).toBe(true);
      expect((await signInWith(auth, PASSPHRASE)).status).toBe(401);
      expect((await signInWith(auth, OTHER)).status).toBe(200);
    });

    test("and what became of it is in the audit log, without the passphrase", async () => {
      const auth = await start();
      const cookie = await auth.signIn(from("192.0.2.7"));
      const change = (body: object) => send(auth, "PUT", "/auth/account/passphrase", cookie, body);
      await change({ passphrase: PASSPHRASE });
      await change({ passphrase: OTHER, current: OTHER });
      await signInWith(auth, OTHER, from("192.0.2.8"));
      await signInWith(auth, PASSPHRASE, from("192.0.2.9"));
      await send(auth, "DELETE", "/auth/account/sessions", cookie);
      const told = auth.audit.events.map(({ actor, action, outcome, address }) =>
        [actor.kind, action, outcome, address].join(" "),
      );
      expect(told).toEqual([
        "owner sign_in ok 192.0.2.7",
        "owner passphrase.set ok ",
        "owner passphrase.set refused ",
        "anonymous sign_in refused 192.0.2.8",
        "owner sign_in ok 192.0.2.9",
        "owner session.revoke ok ",
      ]);
      const text = JSON.stringify(auth.audit.events);
      expect(text).not.toContain(PASSPHRASE);
      expect(text).not.toContain(OTHER);
    });

    test("is removed only with the current one", async () => {
      const auth = await start();
      await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
      const cookie = await auth.signIn();
      const remove = (current: string) =>
        send(auth, "DELETE", "/auth/account/passphrase", cookie, { current });
      expect((await remove(OTHER)).status).toBe(403);
      expect((await remove(PASSPHRASE)).status).toBe(200);
      expect((await signInWith(auth, PASSPHRASE)).status).toBe(401);
      expect(await auth.passphrases.changedAt(OWNER_ID)).toBeUndefined();
    });

    test("is set anew by the command line without the current one, and by nobody else", async () => {
      const auth = await start();
      await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
      const old = cookieOf(await signInWith(auth, PASSPHRASE));
      const reset = (passphrase: string | null, token: string) =>
        auth.request("/passphrase", {
          method: "PUT",
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          body: JSON.stringify({ passphrase }),
        });
      expect((await reset(OTHER, "wrong")).status).toBe(401);
      expect((await reset("short", AUTH_TOKEN)).status).toBe(422);
      expect(await isAlive(auth, old)).toBe(true);
      expect(await (await reset(OTHER, AUTH_TOKEN)).json()).toEqual({ ended: 1 });
      expect(await isAlive(auth, old)).toBe(false);
      expect((await signInWith(auth, OTHER)).status).toBe(200);
      expect((await reset(null, AUTH_TOKEN)).status).toBe(200);
      expect((await signInWith(auth, OTHER)).status).toBe(401);
    });
  });

  describe(`${name}: guesses of the passphrase`, () => {
    const wrong = "not the right one at all";

    test(
      "from many addresses are limited together, and a link still signs in",
      async () => {
        const auth = await start();
        await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
        const guess = (i: number, text = wrong) => signInWith(auth, text, from(`192.0.2.${i}`));
        for (let i = 0; i < 20; i += 1) expect((await guess(i)).status).toBe(401);
        const refused = await guess(100, PASSPHRASE);
        expect(refused.status).toBe(429);
        expect(refused.headers.get("Retry-After")).toBe("30");
        expect(ErrorBody.parse(await refused.json()).error.message).toContain("try again in 30 s");
        expect(await auth.signIn(from("192.0.2.101"))).not.toBe("");
        auth.time.now += 30_000;
        expect((await guess(102, PASSPHRASE)).status).toBe(200);
      },
      SLOW_MS,
    );

    test(
      "by strangers do not keep the owner out of where they are signed in already",
      async () => {
        const auth = await start();
        await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
        await auth.signIn(from("198.51.100.1"));
        for (let i = 0; i < 21; i += 1) await signInWith(auth, wrong, from(`192.0.2.${i}`));
        expect((await signInWith(auth, PASSPHRASE, from("192.0.2.99"))).status).toBe(429);
        expect((await signInWith(auth, PASSPHRASE, from("198.51.100.1"))).status).toBe(200);
      },
      SLOW_MS,
    );

    test(
      "from this machine's own address, which everybody on it has, are limited all the same",
      async () => {
        const auth = await start();
        await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
        await auth.signIn(from("127.0.0.1"));
        let tried = 0;
        for (; tried < 30; tried += 1) {
          // So slow that the address alone would never be limited.
          auth.time.now += 6_000;
          if ((await signInWith(auth, wrong, from("127.0.0.1"))).status === 429) break;
        }
        expect(tried).toBeLessThan(30);
      },
      SLOW_MS,
    );

    test(
      "of one address are limited sooner, whichever of its network's it uses",
      async () => {
        const auth = await start();
        const guess = (i: number) => signInWith(auth, wrong, from(`2001:db8:1:2::${i}`));
        for (let i = 1; i <= 10; i += 1) expect((await guess(i)).status).toBe(401);
        expect((await guess(11)).status).toBe(429);
        expect((await signInWith(auth, wrong, from("2001:db8:1:3::1"))).status).toBe(401);
      },
      SLOW_MS,
    );

    test(
      "by a session that is signed in are limited for itself",
      async () => {
        const auth = await start();
        await auth.passphrases.set({ user_id: OWNER_ID, passphrase: PASSPHRASE });
        const thief = await auth.signIn();
        const mine = await auth.signIn();
        const guess = (cookie: string, current: string) =>
          send(auth, "PUT", "/auth/account/passphrase", cookie, { passphrase: OTHER, current });
        for (let i = 0; i < 20; i += 1) expect((await guess(thief, wrong)).status).toBe(403);
        expect((await guess(thief, PASSPHRASE)).status).toBe(429);
        expect((await guess(mine, PASSPHRASE)).status).toBe(200);
      },
      SLOW_MS,
    );
  });
}
