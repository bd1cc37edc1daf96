/** What must hold of signing in with GitHub, on either database, against a stand-in that speaks GitHub's wire formats. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Me, SessionList } from "../../src/contract/auth.ts";
import type { DeploymentMode } from "../../src/contract/config.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import { SIGN_IN_PROBLEMS } from "../../src/contract/sign-in-problem.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { GITHUB_ATTEMPT_LIFETIME_MS } from "../../src/services/auth/github-routes.ts";
import { type AuthHarness, PUBLIC_HOST, startAuth } from "./auth-harness.ts";
import { type Fault, type GithubStandIn, startGithubStandIn } from "./github-stand-in.ts";

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const OWN = { Origin: `http://${PUBLIC_HOST}`, "Sec-Fetch-Site": "same-origin" };

interface GithubSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

interface Setup {
  allowed?: string;
  mode?: DeploymentMode;
  settings?: DatabaseSettings;
  time?: AuthHarness["time"];
  variables?: Record<string, string>;
  publicUrl?: string;
}

function cookiesOf(answer: Response): string {
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
}

const sessionIn = (answer: Response): string | undefined =>
  /luna_session=[A-Za-z0-9_-]{43}/.exec(cookiesOf(answer))?.[0];

export function githubSuite({ name, create }: GithubSuiteOptions): void {
  const running: AuthHarness[] = [];
  let github: GithubStandIn;
  beforeEach(() => {
    github = startGithubStandIn();
  });
  afterEach(async () => {
    for (const auth of running.splice(0)) await auth.close();
    await github.stop();
  });
  afterAll(() => github.stop());

  const start = async (setup: Setup = {}): Promise<AuthHarness> => {
    const { allowed = "octocat", mode = "custom_domain", settings = await create() } = setup;
    const auth = await startAuth(settings, {
      ...(setup.time === undefined ? {} : { time: setup.time }),
      ...(setup.publicUrl === undefined ? {} : { publicUrl: setup.publicUrl }),
      ...{
        mode,
        variables: { ...github.variables, ALLOWED_GITHUB_USERNAME: allowed, ...setup.variables },
      },
    });
    running.push(auth);
    return auth;
  };

  /** What a browser does: to Luna, to GitHub, and what GitHub sends it back to. */
  const go = async (auth: AuthHarness, query = "", headers: Record<string, string> = {}) => {
    const begun = await auth.request(`/auth/github${query}`, {
      headers: { ...NAVIGATION, ...headers },
    });
    const there = begun.headers.get("Location") ?? "";
    const answer = await fetch(there, { redirect: "manual" });
    const back = new URL(answer.headers.get("Location") ?? "");
    return { begun, there, callback: back.pathname + back.search, Cookie: cookiesOf(begun) };
  };
  const come = (auth: AuthHarness, callback: string, headers: Record<string, string>) =>
    auth.request(callback, { headers: { ...NAVIGATION, ...headers } });
  const signIn = async (auth: AuthHarness, query = ""): Promise<Response> => {
    const { callback, Cookie } = await go(auth, query);
    return come(auth, callback, { Cookie });
  };
  const problemOf = (answer: Response): string | null => {
    const url = new URL(answer.headers.get("Location") ?? "/", "http://luna");
    expect(url.pathname).toBe("/login");
    return url.searchParams.get("problem");
  };
  const isAlive = async (auth: AuthHarness, cookie: string | undefined) =>
    (await auth.verify({ Cookie: cookie ?? "" })).status === 204;

  describe(`${name}: signing in with GitHub`, () => {
    test("goes to GitHub and back, to where the person wanted to be", async () => {
      const auth = await start();
      const { there, begun, callback, Cookie } = await go(auth, "?returnTo=%2Ftools%3Fq%3D1");
      const url = new URL(there);
      expect(url.origin + url.pathname).toBe(`${github.url}/login/oauth/authorize`);
      const { state, code_challenge, ...rest } = Object.fromEntries(url.searchParams);
      expect(rest).toEqual({
        response_type: "code",
        client_id: github.variables["GITHUB_CLIENT_ID"] ?? "",
        redirect_uri: `http://${PUBLIC_HOST}/auth/callback`,
        scope: "read:user",
        code_challenge_method: "S256",
      });
      expect(state).toHaveLength(43);
      expect(code_challenge).toHaveLength(43);
      const attributes = begun.headers.getSetCookie()[0]?.split("; ").slice(1).sort();
      expect(attributes).toEqual(["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"]);
      const answer = await come(auth, callback, { Cookie });
      expect(answer.status).toBe(302);
      expect(answer.headers.get("Location")).toBe("/tools?q=1");
      const cookie = sessionIn(answer) ?? "";
      expect(answer.headers.getSetCookie().join()).toContain("luna_github=; Max-Age=0");
      expect(
        Me.parse(await (await auth.request("/auth/me", { headers: { Cookie: cookie } })).json()),
      ).toEqual({
        authenticated: true,
        username: "Octocat",
        github_id: 583_231,
        method: "github",
        signed_in_at: new Date(auth.time.now).toISOString(),
      });
      expect(await isAlive(auth, cookie)).toBe(true);
      const list = await auth.request("/auth/account/sessions", { headers: { Cookie: cookie } });
      expect(SessionList.parse(await list.json()).sessions[0]).toMatchObject({ method: "github" });
    });

    test("at an Enterprise Server below a path works the same", async () => {
      await github.stop();
      github = startGithubStandIn({ enterprise: true, path: "/git" });
      expect(sessionIn(await signIn(await start()))).toBeDefined();
      expect(github.requests.map(({ endpoint }) => endpoint)).toEqual([
        "authorize",
        "token",
        "user",
      ]);
    });

    test("sends what GitHub asks for, and keeps no token of its", async () => {
      const auth = await start();
      await signIn(auth);
      const [, token, user] = github.requests;
      expect(Object.keys(token?.parameters ?? {}).sort()).toEqual([
        ...["client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri"],
      ]);
      expect(user?.headers.get("Authorization")).toBe(`Bearer ${github.tokens[0]}`);
      expect(user?.headers.get("User-Agent")).toBe("Luna");
      const { queries, tables } = auth.database;
      const kept = JSON.stringify([
        ...(await queries.select().from(tables.sessions)),
        ...(await queries.select().from(tables.github_accounts)),
        ...auth.log.lines,
        ...auth.audit.events,
      ]);
      expect(github.tokens).toHaveLength(1);
      expect(kept).not.toContain(github.tokens[0] ?? "?");
      expect(kept).not.toContain(github.variables["GITHUB_CLIENT_SECRET"] ?? "?");
      expect(kept).toContain("583231");
    });

    test("on https the cookie of the attempt is bound to this very host", async () => {
      const auth = await start({ publicUrl: `https://${PUBLIC_HOST}` });
      const https = { "X-Forwarded-Proto": "https" };
      const { begun, callback, Cookie, there } = await go(auth, "", https);
      expect(begun.headers.getSetCookie()[0]).toMatch(/^__Host-luna_github=.*Secure/);
      expect(new URL(there).searchParams.get("redirect_uri")).toStartWith("https://");
      const planted = Cookie.replace("__Host-", "");
      expect(problemOf(await come(auth, callback, { Cookie: planted, ...https }))).toBe(
        "github_state",
      );
      const again = await go(auth, "", https);
      const answer = await come(auth, again.callback, { Cookie: again.Cookie, ...https });
      expect(cookiesOf(answer)).toMatch(/__Host-luna_session=[A-Za-z0-9_-]{43}/);
    });

    test("begun at another of this Luna's names moves to the one that GitHub knows", async () => {
      const auth = await start({ mode: "local", publicUrl: "http://127.0.0.1:8443" });
      const at = (host: string) =>
        auth.request("/auth/github?returnTo=%2Ftools", { headers: { "X-Forwarded-Host": host } });
      const moved = await at("localhost:8443");
      expect(moved.headers.get("Location")).toBe(
        "http://127.0.0.1:8443/auth/github?returnTo=%2Ftools",
      );
      expect(moved.headers.getSetCookie()).toEqual([]);
      expect((await at("127.0.0.1:8443")).headers.get("Location")).toStartWith(github.url);
    });

    test("leads back to own paths only", async () => {
      for (const evil of [
        "//evil.example",
        "https://evil.example/",
        "/%5Cevil.example",
        "/login?x",
        "/\t/evil.example",
      ]) {
        const auth = await start();
        const answer = await signIn(auth, `?returnTo=${encodeURIComponent(evil)}`);
        expect(answer.headers.get("Location")).toBe(evil === "/%5Cevil.example" ? evil : "/");
        expect(sessionIn(answer)).toBeDefined();
      }
    });

    test("is begun by GET /auth/login at once where it is the one way on the page", async () => {
      const auth = await start();
      const login = async () => {
        const answer = await auth.request("/auth/login?returnTo=%2Ftools");
        return answer.headers.get("Location");
      };
      expect(await login()).toBe("/auth/github?returnTo=%2Ftools");
      await auth.passphrases.set({ user_id: "owner", passphrase: "seven quiet moons" });
      expect(await login()).toBe("/login?returnTo=%2Ftools");
    });

    test("offers another account on request", async () => {
      const { there } = await go(await start(), "?switch=1");
      expect(new URL(there).searchParams.get("prompt")).toBe("select_account");
    });

    test("replaces the browser's own session", async () => {
      const auth = await start();
      const before = await auth.signIn();
      const { callback, Cookie } = await go(auth);
      const after = sessionIn(await come(auth, callback, { Cookie: `${Cookie}; ${before}` }));
      expect(await isAlive(auth, after)).toBe(true);
      expect(await isAlive(auth, before)).toBe(false);
    });
  });

  describe(`${name}: an attempt with GitHub`, () => {
    test("ends in the browser that began it, and nowhere else", async () => {
      const auth = await start();
      const { callback } = await go(auth);
      const other = await go(auth);
      expect(problemOf(await come(auth, callback, { Cookie: other.Cookie }))).toBe("github_state");
      expect(problemOf(await come(auth, callback, {}))).toBe("github_state");
      const { callback: stolen, Cookie } = await go(auth);
      expect(problemOf(await come(auth, stolen, {}))).toBe("github_state");
      // Whoever tried to use it elsewhere has used it up.
      expect(problemOf(await come(auth, stolen, { Cookie }))).toBe("github_state");
      expect(github.requests.every(({ endpoint }) => endpoint === "authorize")).toBe(true);
    });

    test("is good once, and for ten minutes", async () => {
      const auth = await start();
      const { callback, Cookie } = await go(auth);
      const answers = await Promise.all([1, 2, 3].map(() => come(auth, callback, { Cookie })));
      expect(answers.filter((answer) => sessionIn(answer) !== undefined)).toHaveLength(1);
      const early = await go(auth);
      const late = await go(auth);
      auth.time.now += GITHUB_ATTEMPT_LIFETIME_MS - 1;
      expect(sessionIn(await come(auth, early.callback, { Cookie: early.Cookie }))).toBeDefined();
      auth.time.now += 1;
      expect(problemOf(await come(auth, late.callback, { Cookie: late.Cookie }))).toBe(
        "github_state",
      );
    });

    test("is not taken with a state, a code or parameters of somebody's own making", async () => {
      const auth = await start();
      const { Cookie } = await go(auth);
      const long = "x".repeat(5000);
      for (const query of [
        "",
        "?code=x",
        "?state=",
        `?code=x&state=${"A".repeat(43)}`,
        `?state=${long}`,
        "?error=x",
      ]) {
        const answer = await come(auth, `/auth/callback${query}`, { Cookie });
        expect(problemOf(answer)).toBe("github_state");
        expect(sessionIn(answer)).toBeUndefined();
      }
    });

    test("is told to programs as JSON, with the status that fits", async () => {
      const auth = await start();
      const answer = await auth.request("/auth/callback?code=x&state=y");
      expect(answer.status).toBe(400);
      expect(ErrorBody.parse(await answer.json()).error).toEqual({
        code: "github_state",
        message: SIGN_IN_PROBLEMS.github_state.message,
      });
    });
  });

  describe(`${name}: what goes wrong at GitHub`, () => {
    const FAULTS: [what: string, endpoint: "token" | "user", fault: Fault, problem: string][] = [
      [
        "a server error of the token endpoint",
        "token",
        { status: 503, body: "Unicorn!" },
        "github_unreachable",
      ],
      ["a server error of the API", "user", { status: 500, body: "{}" }, "github_unreachable"],
      [
        "a page instead of a token",
        "token",
        { status: 200, body: "<html>", type: "text/html" },
        "github_unexpected",
      ],
      ["an answer without a token", "token", { status: 200, body: "{}" }, "github_unexpected"],
      [
        "an unknown error",
        "token",
        { status: 200, body: '{"error":"new_one"}' },
        "github_unexpected",
      ],
      [
        "an endless answer",
        "token",
        { status: 200, body: "x".repeat(100_000) },
        "github_unreachable",
      ],
      [
        "an endless account",
        "user",
        { status: 200, body: "x".repeat(100_000) },
        "github_unreachable",
      ],
      [
        "a redirect of the secret",
        "token",
        { status: 307, body: "", headers: { Location: "http://127.0.0.1:1/" } },
        "github_unexpected",
      ],
      [
        "a token that is not taken",
        "user",
        { status: 401, body: '{"message":"Bad credentials"}' },
        "github_unexpected",
      ],
      ["a limit of the API", "user", { status: 429, body: "{}" }, "github_unreachable"],
      [
        "an account without a number",
        "user",
        { status: 200, body: '{"login":"octocat"}' },
        "github_unexpected",
      ],
      [
        "an account with a text for a number",
        "user",
        { status: 200, body: '{"login":"octocat","id":"583231"}' },
        "github_unexpected",
      ],
      [
        "a suspended application",
        "token",
        { status: 200, body: '{"error":"application_suspended"}' },
        "github_suspended",
      ],
    ];
    for (const [what, endpoint, fault, problem] of FAULTS) {
      test(`${what} is told in words`, async () => {
        const auth = await start();
        github.fail(endpoint, fault);
        const answer = await signIn(auth, "?returnTo=%2Ftools");
        expect(problemOf(answer)).toBe(problem);
        expect(answer.headers.get("Location")).toContain("returnTo=%2Ftools");
        expect(sessionIn(answer)).toBeUndefined();
        expect(Object.keys(SIGN_IN_PROBLEMS)).toContain(problem);
        expect(auth.audit.events.at(-1)).toMatchObject({
          ...{
            action: "sign_in",
            outcome: "refused",
            details: { method: "github", reason: problem },
          },
        });
      });
    }

    test("a person who does not consent, and a callback URL of another place", async () => {
      const auth = await start();
      github.consents = false;
      expect(problemOf(await signIn(auth))).toBe("github_cancelled");
      github.consents = true;
      github.callbackUrl = "https://elsewhere.example/auth/callback";
      const { callback, Cookie } = await go(auth);
      expect(problemOf(await come(auth, callback, { Cookie }))).toBe("github_redirect");
    });

    test("a secret or an application that GitHub does not know, and a code that was used", async () => {
      const wrongSecret = await start({ variables: { GITHUB_CLIENT_SECRET: "another" } });
      expect(problemOf(await signIn(wrongSecret))).toBe("github_credentials");
      const auth = await start();
      const { callback, Cookie } = await go(auth);
      const changed = callback.replace(/code=[0-9a-f]+/, "code=00000000000000000000");
      expect(problemOf(await come(auth, changed, { Cookie }))).toBe("github_code");
    });

    test("a GitHub that is not there", async () => {
      const auth = await start();
      const { callback, Cookie } = await go(auth);
      await github.stop();
      expect(problemOf(await come(auth, callback, { Cookie }))).toBe("github_unreachable");
      expect(auth.log.lines.join("\n")).toContain("does not answer");
    });

    test("a GitHub that hangs is not waited for longer than the person would", async () => {
      const auth = await start();
      github.fail("user", { hang: true });
      expect(problemOf(await signIn(auth))).toBe("github_unreachable");
    }, 20_000);
  });

  describe(`${name}: who may sign in with GitHub`, () => {
    test("whoever is named, in whichever case, and nobody else", async () => {
      const auth = await start({ allowed: " OCTOCAT , hubot" });
      expect(sessionIn(await signIn(auth))).toBeDefined();
      github.user = { id: 2, login: "Hubot" };
      expect(sessionIn(await signIn(auth))).toBeDefined();
      github.user = { id: 3, login: "octocatt" };
      const refused = await signIn(auth);
      expect(problemOf(refused)).toBe("github_not_allowed");
      expect(sessionIn(refused)).toBeUndefined();
      expect(auth.audit.events.at(-1)).toMatchObject({
        ...{ action: "sign_in", outcome: "refused" },
        details: { method: "github", login: "octocatt" },
      });
    });

    test("who is refused learns nothing of who is not", async () => {
      const auth = await start({ allowed: "octocat,hubot" });
      github.user = { id: 3, login: "stranger" };
      const { callback, Cookie } = await go(auth);
      const answer = await auth.request(callback, { headers: { Cookie } });
      expect(answer.status).toBe(403);
      const text = await answer.text();
      expect(text).toContain("may not use this Luna");
      expect(text).not.toMatch(/octocat|hubot|stranger/i);
      for (const path of ["/auth/methods", "/auth/me", "/auth/account/github"]) {
        expect(await (await auth.request(path)).text()).not.toMatch(/octocat|hubot/i);
      }
    });

    test("a name that was registered anew by somebody else is refused", async () => {
      const auth = await start();
      expect(sessionIn(await signIn(auth))).toBeDefined();
      github.user = { id: 666, login: "octocat" };
      expect(problemOf(await signIn(auth))).toBe("github_not_allowed");
      expect(auth.log.lines.join("\n")).toContain("another account has its place");
    });

    test("an account that was renamed goes on, as its number is what counts", async () => {
      const auth = await start();
      await signIn(auth);
      github.user = { ...github.user, login: "octocat-2" };
      const cookie = sessionIn(await signIn(auth)) ?? "";
      const me = await auth.request("/auth/me", { headers: { Cookie: cookie } });
      expect(Me.parse(await me.json()).username).toBe("octocat-2");
      // And whoever takes the old name gets nothing.
      github.user = { id: 666, login: "octocat" };
      expect(problemOf(await signIn(auth))).toBe("github_not_allowed");
    });

    test("an account that was renamed goes on under its new name on the list", async () => {
      const settings = await create();
      await signIn(await start({ settings }));
      github.user = { ...github.user, login: "octocat-2" };
      const renamed = await start({ settings, allowed: "octocat-2" });
      expect(sessionIn(await signIn(renamed))).toBeDefined();
      expect(sessionIn(await signIn(renamed))).toBeDefined();
    });

    test("a name that leaves the list is out with the next request, and in again when it is back", async () => {
      const settings = await create();
      const auth = await start({ settings });
      const cookie = sessionIn(await signIn(auth));
      const link = await auth.signIn();
      expect(await isAlive(auth, cookie)).toBe(true);
      const without = await start({ settings, time: auth.time, allowed: "hubot" });
      expect(await isAlive(without, cookie)).toBe(false);
      expect(await isAlive(without, link)).toBe(true);
      const list = await without.request("/auth/account/sessions", { headers: { Cookie: link } });
      expect(SessionList.parse(await list.json()).sessions).toHaveLength(1);
      const off = await start({ settings, time: auth.time, variables: { GITHUB_CLIENT_ID: "" } });
      expect(await isAlive(off, cookie)).toBe(false);
      const back = await start({ settings, time: auth.time, allowed: "hubot,octocat" });
      expect(await isAlive(back, cookie)).toBe(true);
    });

    test("an account that the owner forgets is out at once, and its name is free", async () => {
      const auth = await start();
      const cookie = sessionIn(await signIn(auth));
      expect(await isAlive(auth, cookie)).toBe(true);
      const owner = await auth.signIn();
      const page = await auth.pageOf(owner);
      const forget = (id: string) =>
        auth.request(`/auth/account/github/${id}`, {
          method: "DELETE",
          headers: { Cookie: owner, ...OWN, "X-Luna-Page": page },
        });
      const list = await auth.request("/auth/account/github", { headers: { Cookie: owner } });
      expect(await list.json()).toEqual({
        accounts: [
          {
            ...{ github_id: 583_231, username: "Octocat", allowed: true },
            last_sign_in_at: new Date(auth.time.now).toISOString(),
          },
        ],
      });
      for (const unknown of ["1", "x", "583231.5", "-1", "%00"]) {
        expect((await forget(unknown)).status).toBe(404);
      }
      expect((await forget("583231")).status).toBe(200);
      expect(await isAlive(auth, cookie)).toBe(false);
      github.user = { id: 42, login: "octocat" };
      expect(sessionIn(await signIn(auth))).toBeDefined();
    });

    test("without names a public Luna lets nobody in, and says why", async () => {
      for (const mode of ["ngrok", "nip_io", "custom_domain"] as const) {
        const auth = await start({ allowed: "", mode });
        const methods = await (await auth.request("/auth/methods")).json();
        expect(methods).toMatchObject({ github: false, github_off: "unrestricted" });
        for (const path of ["/auth/github", "/auth/callback?code=x&state=y"]) {
          expect(problemOf(await come(auth, path, {}))).toBe("github_unrestricted");
        }
        expect(auth.log.lines.join("\n")).toContain(
          "everybody with a GitHub account could sign in",
        );
      }
      expect(github.requests).toEqual([]);
    });

    test("without names a local Luna takes the first who comes, and nobody after", async () => {
      const auth = await start({ allowed: "", mode: "local" });
      expect(sessionIn(await signIn(auth))).toBeDefined();
      expect(sessionIn(await signIn(auth))).toBeDefined();
      github.user = { id: 2, login: "hubot" };
      expect(problemOf(await signIn(auth))).toBe("github_not_allowed");
    });

    test("of two who come first at the same moment one is the first", async () => {
      const auth = await start({ allowed: "", mode: "local" });
      const one = await go(auth);
      github.user = { id: 2, login: "hubot" };
      const two = await go(auth);
      const answers = await Promise.all(
        [one, two].map(({ callback, Cookie }) => come(auth, callback, { Cookie })),
      );
      expect(answers.filter((answer) => sessionIn(answer) !== undefined)).toHaveLength(1);
    });

    test("what is not set up is not offered", async () => {
      const off = await startAuth(await create());
      running.push(off);
      expect(await (await off.request("/auth/methods")).json()).toMatchObject({
        ...{ github: false, github_off: null },
      });
      expect(problemOf(await come(off, "/auth/github", {}))).toBe("github_off");
      const half = await start({ variables: { GITHUB_CLIENT_SECRET: "" } });
      expect(problemOf(await come(half, "/auth/github", {}))).toBe("github_incomplete");
    });
  });

  describe(`${name}: too many attempts with GitHub`, () => {
    const from = { "X-Forwarded-For": "192.0.2.1" };

    test("are refused with the time to wait, and others go on", async () => {
      const auth = await start();
      for (let i = 0; i < 10; i += 1) {
        const begun = await come(auth, "/auth/github?returnTo=%2Ftools", from);
        expect(begun.headers.get("Location")).toStartWith(github.url);
      }
      const refused = await come(auth, "/auth/github?returnTo=%2Ftools", from);
      expect(refused.headers.get("Location")).toBe(
        "/login?returnTo=%2Ftools&problem=too_many&wait=6",
      );
      const program = await auth.request("/auth/github", { headers: from });
      expect(program.status).toBe(429);
      expect(program.headers.get("Retry-After")).toBe("6");
      expect(sessionIn(await signIn(auth))).toBeDefined();
    });
  });
}
