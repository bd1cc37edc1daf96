/** Who may pass on the compiled Luna: the classes of the edge, the one-time link, and a session that lasts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Me } from "../../src/contract/auth.ts";
import { Overview } from "../../src/contract/process.ts";
import { SocketWithHeaders } from "../support/edge.ts";
import { startGithubStandIn } from "../support/github-stand-in.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 30_000;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna();
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
});

const tokenOf = (link: string): string => link.split("#t=")[1] ?? "";

function useLink(token: string, origin = luna.url): Promise<Response> {
  return fetch(`${luna.url}/auth/link`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: origin },
    body: JSON.stringify({ token }),
  });
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(luna.url + path, { headers, redirect: "manual" });
}

test("without a session a browser goes to the sign-in page, and all else is JSON", async () => {
  const page = await get("/tools?q=1", { Accept: "text/html", "Sec-Fetch-Mode": "navigate" });
  expect(page.status).toBe(302);
  expect(page.headers.get("Location")).toBe("/login?returnTo=%2Ftools%3Fq%3D1");
  for (const path of [
    "/api/supervisor/overview",
    "/api/agent/v1/models",
    "/api/external-services/x",
  ]) {
    const response = await get(path, { Accept: "text/html" });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
  }
  for (const path of ["/api/nothing", "/.well-known/openid-configuration"]) {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "not_found" } });
  }
  expect((await get("/login", { Accept: "text/html" })).status).toBe(200);
  expect((await get("/healthz")).status).toBe(200);
});

test("the printed link signs in once, and every link only from the Hub's own page", async () => {
  const token = tokenOf(luna.link);
  expect((await useLink(token, "https://evil.example")).status).toBe(403);
  const [first, second] = await Promise.all([useLink(token), useLink(token)]);
  expect([first.status, second.status].sort()).toEqual([200, 401]);
  expect((await useLink("wrong")).status).toBe(401);
});

test(
  "a session survives the restart of every process",
  async () => {
    const cookie = await luna.signIn();
    const before = Me.parse(await (await get("/auth/me", { Cookie: cookie })).json());
    expect(await luna.stop()).toBe(0);
    const again = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
    luna = again;
    expect(Me.parse(await (await get("/auth/me", { Cookie: cookie })).json())).toEqual(before);
    expect((await get("/api/supervisor/overview", { Cookie: cookie })).status).toBe(200);
    const out = await fetch(`${luna.url}/auth/logout`, {
      method: "POST",
      headers: { Cookie: cookie, Origin: luna.url },
    });
    expect(out.status).toBe(200);
    expect((await get("/auth/me", { Cookie: cookie })).status).toBe(401);
    expect((await get("/api/supervisor/overview", { Cookie: cookie })).status).toBe(401);
  },
  TIMEOUT_MS,
);

test("what a page is told live ends with its session, and with no other", async () => {
  const [ending, lasting] = [await luna.signIn(), await luna.signIn()];
  const open = (cookie: string) => {
    const socket = new SocketWithHeaders(`${luna.url.replace("http", "ws")}/api/supervisor/live`, {
      headers: { Cookie: cookie, Origin: luna.url },
    });
    const seen = { socket, messages: 0, code: 0 };
    socket.onmessage = () => {
      seen.messages += 1;
    };
    socket.onclose = ({ code }) => {
      seen.code = code;
    };
    return seen;
  };
  const [ended, other] = [open(ending), open(lasting)];
  await until(() => ended.messages > 0 && other.messages > 0, { what: "both to be told" });
  await fetch(`${luna.url}/auth/logout`, {
    method: "POST",
    headers: { Cookie: ending, Origin: luna.url },
  });
  await until(() => ended.code !== 0, { timeoutMs: 4_000, what: "the socket to end" });
  expect(ended.code).toBe(1008);
  expect(other.socket.readyState).toBe(WebSocket.OPEN);
  other.socket.close();
});

test("a page of another site changes nothing, though the browser sends the cookie along", async () => {
  const cookie = await luna.signIn();
  const restart = (headers: Record<string, string>) =>
    fetch(`${luna.url}/api/supervisor/services/hub/restart`, {
      method: "POST",
      headers: { Cookie: cookie, ...headers },
    });
  expect((await restart({ Origin: "https://evil.example" })).status).toBe(403);
  expect((await restart({ "Sec-Fetch-Site": "cross-site" })).status).toBe(403);
  expect((await restart({})).status).toBe(403);
  expect((await restart({ Origin: luna.url })).status).toBe(403);
  const page = { "X-Luna-Page": await luna.pageToken(cookie) };
  expect((await restart({ ...page, Origin: "https://evil.example" })).status).toBe(403);
  expect((await restart({ ...page, Origin: luna.url })).status).toBe(200);
});

const PASSPHRASE = "seven quiet moons at noon";
const OTHER = "eight loud suns by night";

function signInWith(passphrase: string): Promise<Response> {
  return fetch(`${luna.url}/auth/passphrase`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: luna.url },
    body: JSON.stringify({ passphrase }),
  });
}

test("the passphrase is set by what is piped in, and an argument is refused unheard", async () => {
  const pipe = async (text: string, ...args: string[]) => {
    const child = Bun.spawn([BINARY, "passphrase", ...args], {
      env: luna.environment,
      stdin: new Blob([text]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code: await child.exited, stdout, stderr };
  };
  const argument = await pipe("", PASSPHRASE);
  expect(argument.code).toBe(2);
  expect(argument.stderr).toContain("Usage: luna passphrase [--remove]");
  expect(argument.stderr).not.toContain(PASSPHRASE);
  expect((await pipe("")).stderr).toContain("it is empty");
  const easy = await pipe("password1234\n");
  expect(easy.code).toBe(1);
  expect(easy.stderr).toContain("Cannot use this passphrase: it is a common password");
  expect(await pipe(`${PASSPHRASE}\n`)).toMatchObject({
    code: 0,
    stdout: "The passphrase is set.\n",
    stderr: "",
  });
  const answer = await signInWith(PASSPHRASE);
  expect(answer.status).toBe(200);
  const cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  expect(await pipe(OTHER)).toMatchObject({
    code: 0,
    stdout: "The passphrase is set. One session made with the old one ended.\n",
  });
  expect((await get("/auth/me", { Cookie: cookie })).status).toBe(401);
  expect((await signInWith(PASSPHRASE)).status).toBe(401);
});

test("on a terminal the passphrase is asked for twice, and not shown", async () => {
  let shown = "";
  const child = Bun.spawn([BINARY, "passphrase"], {
    env: luna.environment,
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, data) => {
        shown += new TextDecoder().decode(data);
      },
    },
  });
  await until(() => shown.includes("New passphrase: "), { what: "the first question" });
  child.terminal?.write(`${PASSPHRASE}\r`);
  await until(() => shown.includes("The same again: "), { what: "the second question" });
  child.terminal?.write(`${PASSPHRASE}\r`);
  expect(await child.exited).toBe(0);
  await until(() => shown.includes("The passphrase is set."), { what: "the answer" });
  child.terminal?.close();
  expect(shown).not.toContain(PASSPHRASE);
  expect((await signInWith(PASSPHRASE)).status).toBe(200);
  expect((await luna.run("passphrase", "--remove")).stdout).toStartWith("The passphrase is gone.");
  expect((await signInWith(PASSPHRASE)).status).toBe(401);
});

describe("with GitHub", () => {
  const github = startGithubStandIn({ enterprise: true });
  const config = (allowed: string) =>
    Object.entries({ ...github.variables, ALLOWED_GITHUB_USERNAME: allowed })
      .map(([name, value]) => `${name}=${value}\n`)
      .join("");
  let other: Luna;
  beforeAll(async () => {
    other = await startLuna({ files: { ".env": config("OCTOCAT") } });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await other.stop();
    await other.remove();
    await github.stop();
  });

  const visit = (url: string, Cookie = "") =>
    fetch(url, { redirect: "manual", headers: { Cookie, "Sec-Fetch-Mode": "navigate" } });
  const cookiesOf = (answer: Response): string =>
    answer.headers
      .getSetCookie()
      .map((cookie) => cookie.split(";")[0])
      .join("; ");
  const signIn = async (): Promise<Response> => {
    const begun = await visit(`${other.url}/auth/github?returnTo=%2Ftools`);
    const there = await visit(begun.headers.get("Location") ?? "");
    return visit(there.headers.get("Location") ?? "", cookiesOf(begun));
  };
  const me = (Cookie: string) => fetch(`${other.url}/auth/me`, { headers: { Cookie } });

  test("the settings of .env reach auth, and who is allowed gets in through Caddy", async () => {
    const answer = await signIn();
    expect(answer.status).toBe(302);
    expect(answer.headers.get("Location")).toBe("/tools");
    const cookie = cookiesOf(answer);
    expect(Me.parse(await (await me(cookie)).json())).toMatchObject({
      ...{ username: "Octocat", github_id: 583_231, method: "github" },
    });
    const page = await fetch(`${other.url}/api/supervisor/overview`, {
      headers: { Cookie: cookie },
    });
    expect(page.status).toBe(200);
  });

  test(
    "who leaves the list in .env is out by itself, and Home tells of a broken list",
    async () => {
      const cookie = cookiesOf(await signIn());
      const before = await Bun.file(other.paths.env).text();
      const setAllowed = async (allowed: string): Promise<void> => {
        const text = before.replace(
          /^ALLOWED_GITHUB_USERNAME=.*$/m,
          `ALLOWED_GITHUB_USERNAME=${allowed}`,
        );
        await Bun.write(other.paths.env, text);
      };
      const becomes = (status: number) =>
        until(async () => (await me(cookie)).status === status, {
          what: `auth to answer ${status} by the new list`,
        });
      await setAllowed("hubot");
      await becomes(401);
      expect((await signIn()).headers.get("Location")).toBe(
        "/login?returnTo=%2Ftools&problem=github_not_allowed",
      );
      await setAllowed("octo*");
      await until(async () => {
        const overview = Overview.parse(await (await other.control("/overview")).json());
        return overview.problems.some(({ id }) => id === "github-sign-in");
      });
      await setAllowed("octocat");
      await becomes(200);
    },
    TIMEOUT_MS,
  );

  test("the secret is in no log, no process list and no file but .env", async () => {
    const secret = github.variables["GITHUB_CLIENT_SECRET"] ?? "?";
    const files = [...new Bun.Glob("**/*").scanSync({ cwd: other.home, dot: true })];
    const holding: string[] = [];
    for (const file of files) {
      const text = await Bun.file(join(other.home, file)).text();
      if (text.includes(secret) || github.tokens.some((token) => text.includes(token))) {
        holding.push(file);
      }
    }
    expect(files.length).toBeGreaterThan(5);
    expect(holding).toEqual([".env"]);
    const knowing = other
      .processes()
      .filter(({ pid }) => readFileSync(`/proc/${pid}/environ`, "utf8").includes(secret));
    expect(knowing.map(({ pid }) => pid)).toEqual([await other.pidOf("auth")]);
  });
});
