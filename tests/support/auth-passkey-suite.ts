/** What must hold of passkeys, on either database, with an authenticator in software; the real one is tried in Chromium. */
import { afterEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { Me, PasskeyList } from "../../src/contract/auth.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { CEREMONY_LIFETIME_MS } from "../../src/services/auth/passkey-ceremonies.ts";
import { type AuthHarness, PUBLIC_HOST, startAuth } from "./auth-harness.ts";
import { SoftAuthenticator } from "./soft-authenticator.ts";

const ORIGIN = `http://${PUBLIC_HOST}`;
const OWN = { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin" };
const RP_ID = "luna.example";
const Options = z.looseObject({ challenge: z.string().length(43) });

interface PasskeySuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function passkeySuite({ name, create }: PasskeySuiteOptions): void {
  const running: AuthHarness[] = [];
  afterEach(async () => {
    for (const auth of running.splice(0)) await auth.close();
  });
  const start = async (settings?: DatabaseSettings, setup = {}): Promise<AuthHarness> => {
    const auth = await startAuth(settings ?? (await create()), setup);
    running.push(auth);
    return auth;
  };
  const send = async (
    auth: AuthHarness,
    method: string,
    path: string,
    cookie: string,
    body?: unknown,
  ) =>
    auth.request(`/auth/account/passkeys${path}`, {
      method,
      headers: {
        ...{ Cookie: cookie, ...OWN, "X-Luna-Page": await auth.pageOf(cookie) },
        "Content-Type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const challengeOf = async (answer: Response): Promise<string> =>
    Options.parse(await answer.json()).challenge;
  const told = (challenge: string) => ({ challenge, origin: ORIGIN, rpId: RP_ID });

  const add = async (
    auth: AuthHarness,
    cookie: string,
    key: SoftAuthenticator,
    passkey?: string,
  ) => {
    const challenge = await challengeOf(await send(auth, "POST", "/options", cookie));
    const credential = key.create(told(challenge));
    return send(auth, "POST", "", cookie, { name: passkey, credential });
  };
  const newChallenge = async (auth: AuthHarness): Promise<string> =>
    challengeOf(await auth.post("/auth/passkey/options", {}, OWN));
  const present = (auth: AuthHarness, credential: unknown, headers = {}) =>
    auth.post("/auth/passkey", { credential }, { ...OWN, ...headers });
  const signIn = async (auth: AuthHarness, key: SoftAuthenticator, wrong = {}) =>
    present(auth, key.get({ ...told(await newChallenge(auth)), ...wrong }));
  const cookieOf = (answer: Response): string =>
    answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const listOf = async (auth: AuthHarness, Cookie: string) =>
    PasskeyList.parse(
      await (await auth.request("/auth/account/passkeys", { headers: { Cookie } })).json(),
    );

  describe(`${name}: passkeys`, () => {
    test("are made by who is signed in, and sign in from then on, over a restart", async () => {
      const settings = await create();
      const auth = await start(settings);
      const methods = async () => (await auth.request("/auth/methods")).json();
      expect(await methods()).toMatchObject({ passkey: false });
      const owner = await auth.signIn();
      const key = new SoftAuthenticator();
      const added = await add(auth, owner, key, " My key ");
      expect(await added.json()).toEqual({ id: key.id });
      expect(await methods()).toMatchObject({ passkey: true });
      const again = await start(settings, { time: auth.time });
      const answer = await signIn(again, key);
      expect(await answer.json()).toEqual({ success: true });
      const cookie = cookieOf(answer);
      const me = await again.request("/auth/me", { headers: { Cookie: cookie } });
      expect(Me.parse(await me.json())).toMatchObject({ username: "owner", method: "passkey" });
      const now = new Date(auth.time.now).toISOString();
      expect(await listOf(auth, owner)).toEqual({
        passkeys: [{ id: key.id, name: "My key", host: RP_ID, created_at: now, last_used_at: now }],
        ...{ host: RP_ID, elsewhere: ORIGIN },
      });
    });

    test("ask for one that the authenticator keeps, with the person's own proof", async () => {
      const auth = await start();
      const owner = await auth.signIn();
      const key = new SoftAuthenticator();
      await add(auth, owner, key);
      const options = await (await send(auth, "POST", "/options", owner)).json();
      expect(options).toMatchObject({
        rp: { name: "Luna", id: RP_ID },
        user: { name: "owner", displayName: `Owner of ${RP_ID}` },
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        excludeCredentials: [{ id: key.id }],
        attestation: "none",
      });
      const other = await start(undefined, { token: "the-token-of-another-luna" });
      const others = await (await send(other, "POST", "/options", await other.signIn())).json();
      const Handle = z.looseObject({ user: z.looseObject({ id: z.string().min(40) }) });
      expect(Handle.parse(others).user.id).not.toBe(Handle.parse(options).user.id);
      const signInOptions = await (await auth.post("/auth/passkey/options", {}, OWN)).json();
      expect(signInOptions).toMatchObject({ rpId: RP_ID, userVerification: "required" });
      expect(JSON.stringify(signInOptions)).not.toContain(key.id);
    });

    test("are renamed and removed; what others signed in to with it ends", async () => {
      const auth = await start();
      const owner = await auth.signIn();
      const [kept, lost] = [new SoftAuthenticator(), new SoftAuthenticator()];
      for (const key of [kept, lost]) expect((await add(auth, owner, key)).status).toBe(200);
      expect((await listOf(auth, owner)).passkeys.map((one) => one.name)).toEqual([
        "Passkey",
        "Passkey",
      ]);
      const rename = await send(auth, "PATCH", `/${lost.id}`, owner, { name: "Old phone" });
      expect(rename.status).toBe(200);
      const thief = cookieOf(await signIn(auth, lost));
      const other = cookieOf(await signIn(auth, kept));
      const removed = await send(auth, "DELETE", `/${lost.id}`, owner);
      expect(await removed.json()).toEqual({ ended: 1 });
      expect((await auth.verify({ Cookie: thief })).status).toBe(401);
      expect((await auth.verify({ Cookie: other })).status).toBe(204);
      expect((await signIn(auth, lost)).status).toBe(401);
      for (const [method, body] of [
        ["PATCH", { name: "x" }],
        ["DELETE", undefined],
      ] as const) {
        expect((await send(auth, method, `/${lost.id}`, owner, body)).status).toBe(404);
      }
      expect((await listOf(auth, owner)).passkeys.map(({ id }) => id)).toEqual([kept.id]);
      const told = auth.audit.events.map(({ action, target }) => `${action} ${target ?? ""}`);
      expect(told).toContain("passkey.add Passkey");
      expect(told).toContain("passkey.rename Old phone");
      expect(told).toContain("passkey.remove Old phone");
    });

    test("that are there already are not added again", async () => {
      const auth = await start();
      const owner = await auth.signIn();
      const key = new SoftAuthenticator();
      expect((await add(auth, owner, key)).status).toBe(200);
      expect((await add(auth, owner, key)).status).toBe(409);
    });

    test("are nobody else's", async () => {
      const auth = await start();
      for (const [method, path] of [
        ["GET", ""],
        ["POST", "/options"],
        ["POST", ""],
        ["DELETE", "/x"],
      ] as const) {
        const answer = await auth.request(`/auth/account/passkeys${path}`, { method });
        expect(answer.status).toBe(401);
      }
    });
  });

  describe(`${name}: making a passkey`, () => {
    const WRONG: [what: string, wrong: object][] = [
      ["of another origin", { origin: "http://evil.example" }],
      ["of the same host over another scheme", { origin: `https://${PUBLIC_HOST}` }],
      ["for another host", { rpId: "evil.example" }],
      ["of another ceremony", { type: "webauthn.get" }],
      ["without the person's proof", { verified: false }],
      ["with another challenge", { challenge: "A".repeat(43) }],
    ];
    for (const [what, wrong] of WRONG) {
      test(`${what} is refused`, async () => {
        const auth = await start();
        const owner = await auth.signIn();
        const challenge = await challengeOf(await send(auth, "POST", "/options", owner));
        const credential = new SoftAuthenticator().create({ ...told(challenge), ...wrong });
        const answer = await send(auth, "POST", "", owner, { credential });
        expect(answer.status).toBe(422);
        expect((await listOf(auth, owner)).passkeys).toEqual([]);
      });
    }

    test("takes a challenge of this very session, once, and for five minutes", async () => {
      const auth = await start();
      const [owner, other] = [await auth.signIn(), await auth.signIn()];
      const challenge = async () => challengeOf(await send(auth, "POST", "/options", owner));
      const make = async (cookie: string, text: string) =>
        send(auth, "POST", "", cookie, { credential: new SoftAuthenticator().create(told(text)) });
      expect((await make(other, await challenge())).status).toBe(422);
      expect((await make(owner, await newChallenge(auth))).status).toBe(422);
      const used = await challenge();
      expect((await make(owner, used)).status).toBe(200);
      expect((await make(owner, used)).status).toBe(422);
      const [early, late] = [await challenge(), await challenge()];
      auth.time.now += CEREMONY_LIFETIME_MS - 1;
      expect((await make(owner, early)).status).toBe(200);
      auth.time.now += 1;
      expect((await make(owner, late)).status).toBe(422);
    });
  });

  describe(`${name}: signing in with a passkey`, () => {
    const WRONG: [what: string, wrong: object][] = [
      ["of another origin", { origin: "http://evil.example" }],
      ["for another host", { rpId: "evil.example" }],
      ["of another ceremony", { type: "webauthn.create" }],
      ["without the person's proof", { verified: false }],
      ["with another challenge", { challenge: "A".repeat(43) }],
    ];
    for (const [what, wrong] of WRONG) {
      test(`${what} is refused`, async () => {
        const auth = await start();
        const key = new SoftAuthenticator();
        await add(auth, await auth.signIn(), key);
        const answer = await signIn(auth, key, wrong);
        expect(answer.status).toBe(401);
        expect(answer.headers.has("Set-Cookie")).toBe(false);
        expect((await signIn(auth, key)).status).toBe(200);
      });
    }

    test("takes each challenge once, and for five minutes", async () => {
      const auth = await start();
      const key = new SoftAuthenticator();
      await add(auth, await auth.signIn(), key);
      const replayed = key.get(told(await newChallenge(auth)));
      const answers = await Promise.all([1, 2, 3].map(() => present(auth, replayed)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
      const late = key.get(told(await newChallenge(auth)));
      auth.time.now += CEREMONY_LIFETIME_MS;
      expect((await present(auth, late)).status).toBe(401);
    });

    test("wants a counter that grows, where the authenticator counts", async () => {
      const auth = await start();
      const key = new SoftAuthenticator();
      await add(auth, await auth.signIn(), key);
      expect((await signIn(auth, key)).status).toBe(200);
      key.counter = 1;
      expect((await signIn(auth, key)).status).toBe(401);
      expect(auth.log.lines.join("\n")).toMatch(/counter/i);
      key.counter = 50;
      expect((await signIn(auth, key)).status).toBe(200);
      const synced = new SoftAuthenticator();
      synced.counter = 0;
      await add(auth, await auth.signIn(), synced);
      for (let i = 0; i < 3; i += 1) expect((await signIn(auth, synced)).status).toBe(200);
    });

    test("wants the signature of the very key, and a passkey that is known", async () => {
      const auth = await start();
      const [key, stranger] = [new SoftAuthenticator(), new SoftAuthenticator()];
      await add(auth, await auth.signIn(), key);
      expect((await signIn(auth, stranger)).status).toBe(401);
      const forged = stranger.get(told(await newChallenge(auth)));
      expect((await present(auth, { ...forged, id: key.id })).status).toBe(401);
      expect((await auth.verify({ Cookie: "luna_session=" })).status).toBe(401);
    });

    test("of nonsense is refused, and told apart from what is not the contract's", async () => {
      const auth = await start();
      const key = new SoftAuthenticator();
      await add(auth, await auth.signIn(), key);
      const good = key.get(told(await newChallenge(auth)));
      for (const part of ["clientDataJSON", "authenticatorData", "signature"]) {
        const response = { ...good.response, [part]: "AAAA" };
        expect((await present(auth, { ...good, response })).status).toBe(401);
      }
      for (const wrong of [
        {},
        { id: "%", response: good.response },
        { ...good, response: {} },
        null,
      ]) {
        auth.time.now += 60_000;
        expect((await present(auth, wrong)).status).toBe(422);
      }
    });

    test("is limited for each address, as every way is", async () => {
      const auth = await start();
      const stranger = new SoftAuthenticator().get(told("A".repeat(43)));
      const from = { "X-Forwarded-For": "192.0.2.1" };
      for (let i = 0; i < 10; i += 1) {
        expect((await present(auth, stranger, from)).status).toBe(401);
      }
      const refused = await present(auth, stranger, from);
      expect(refused.status).toBe(429);
      expect(refused.headers.get("Retry-After")).toBe("6");
      const options = await auth.post("/auth/passkey/options", {}, { ...OWN, ...from });
      expect(options.status).toBe(429);
    });
  });

  describe(`${name}: where passkeys work`, () => {
    test("on this machine that is localhost, and what its number has to do with it is told", async () => {
      const publicUrl = "http://127.0.0.1:8443";
      const auth = await start(undefined, { publicUrl });
      const at = (host: string) => ({ "X-Forwarded-Host": host, Origin: `http://${host}` });
      const options = (host: string) => auth.post("/auth/passkey/options", {}, at(host));
      const refused = await options("127.0.0.1:8443");
      expect(refused.status).toBe(409);
      expect(ErrorBody.parse(await refused.json()).error).toEqual({
        code: "no_host_name",
        message:
          "Cannot use passkeys at this address: they need a host name; open Luna at http://localhost:8443",
      });
      expect(await (await options("localhost:8443")).json()).toMatchObject({ rpId: "localhost" });
      for (const other of ["evil.example", "localhost:1", "localhost.evil.example:8443", ""]) {
        expect((await options(other)).status).toBeOneOf([403, 409]);
      }
    });

    test("a passkey of one name does not sign in at another", async () => {
      const settings = await create();
      const auth = await start(settings);
      const key = new SoftAuthenticator();
      await add(auth, await auth.signIn(), key);
      const moved = await start(settings, { publicUrl: "http://new.example", time: auth.time });
      const host = { "X-Forwarded-Host": "new.example", Origin: "http://new.example" };
      const asked = await moved.post("/auth/passkey/options", {}, host);
      const challenge = await challengeOf(asked);
      const credential = key.get({ challenge, origin: "http://new.example", rpId: "new.example" });
      expect((await moved.post("/auth/passkey", { credential }, host)).status).toBe(401);
      const methods = await moved.request("/auth/methods", { headers: host });
      expect(await methods.json()).toMatchObject({ passkey: false });
    });
  });
}
