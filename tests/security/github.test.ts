/** Named weaknesses of signing in elsewhere, tried on the compiled Luna against a stand-in for GitHub. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type GithubStandIn, startGithubStandIn } from "../support/github-stand-in.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const ALLOWED = "Octocat";
const NAVIGATION = {
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Dest": "document",
  Accept: "text/html",
};
const SESSION = /luna_session=[A-Za-z0-9_-]{43}/;

let github: GithubStandIn;
let luna: Luna;

const environmentWith = (allowed: string) => ({
  ".env": Object.entries({ ...github.variables, ALLOWED_GITHUB_USERNAME: allowed })
    .map(([name, value]) => `${name}=${value}\n`)
    .join(""),
});

beforeAll(async () => {
  github = startGithubStandIn({ enterprise: true });
  luna = await startLuna({ files: environmentWith(ALLOWED) });
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await github.stop();
});

const visit = (url: string, cookie = "") =>
  fetch(url, { redirect: "manual", headers: { ...NAVIGATION, ...(cookie && { Cookie: cookie }) } });
const cookiesOf = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0])
    .join("; ");

/** A browser begins at Luna, and GitHub sends it back: the address to go to, and the browser's cookies. */
async function begin(): Promise<{ callback: string; cookies: string }> {
  const begun = await visit(`${luna.url}/auth/github`);
  const there = await fetch(begun.headers.get("Location") ?? "", { redirect: "manual" });
  return { callback: there.headers.get("Location") ?? "", cookies: cookiesOf(begun) };
}

test("CVE-2026-27124 a sign-in that another browser began", async () => {
  github.user = { id: 583_231, login: "octocat" };
  const { callback, cookies } = await begin();
  const other = await begin();
  expect(cookiesOf(await visit(callback))).not.toMatch(SESSION);
  // Somebody else's attempt is not ended by that: but its own state is used up.
  expect(cookiesOf(await visit(other.callback, cookies))).not.toMatch(SESSION);
  const own = await begin();
  expect(cookiesOf(await visit(own.callback, own.cookies))).toMatch(SESSION);
  expect(cookiesOf(await visit(own.callback, own.cookies))).not.toMatch(SESSION);
});

test("S3 who is not on the list, whatever the case of letters, and a name that has another account now", async () => {
  const signedIn = async (user: GithubStandIn["user"]): Promise<boolean> => {
    github.user = user;
    const { callback, cookies } = await begin();
    return SESSION.test(cookiesOf(await visit(callback, cookies)));
  };
  expect(await signedIn({ id: 583_231, login: "OCTOCAT" })).toBe(true);
  expect(await signedIn({ id: 1, login: "stranger" })).toBe(false);
  // The name was given up and taken by somebody else.
  expect(await signedIn({ id: 2, login: "octocat" })).toBe(false);
  expect(await signedIn({ id: 583_231, login: "octocat" })).toBe(true);
  // A list that is compared letter by letter locks the owner out; one of names alone lets the other one in.
  const letterByLetter = (login: string) => login === ALLOWED;
  const byName = ({ login }: GithubStandIn["user"]) =>
    login.toLowerCase() === ALLOWED.toLowerCase();
  expect(letterByLetter("OCTOCAT")).toBe(false);
  expect(byName({ id: 2, login: "octocat" })).toBe(true);
});

test("S3 a public Luna without a list lets nobody in", async () => {
  const files = {
    ...environmentWith(""),
    ".luna/master_config.json": JSON.stringify({
      deployment_mode: "ngrok",
      public_domain: "luna.example",
    }),
  };
  const open = await startLuna({ files });
  try {
    const headers = { ...NAVIGATION, Host: "luna.example" };
    const answer = await fetch(`${open.url}/auth/github`, { redirect: "manual", headers });
    expect(answer.headers.get("Location") ?? "").not.toContain(new URL(github.url).host);
    expect(answer.headers.getSetCookie()).toEqual([]);
    // With a list, the way is there.
    expect((await visit(`${luna.url}/auth/github`)).headers.get("Location")).toStartWith(
      github.url,
    );
  } finally {
    await open.stop();
    await open.remove();
  }
});

test("S7 who is refused is not told who may", async () => {
  // One address has few attempts, and the tests before took them.
  expect((await luna.run("restart", "auth")).code).toBe(0);
  github.user = { id: 3, login: "curious" };
  const { callback, cookies } = await begin();
  const refused = await visit(callback, cookies);
  const page = await visit(new URL(refused.headers.get("Location") ?? "/login", luna.url).href);
  const asJson = await begin();
  const json = await fetch(asJson.callback, {
    redirect: "manual",
    headers: { Cookie: asJson.cookies, Accept: "application/json" },
  });
  const told = (texts: string[]) => texts.some((text) => text.toLowerCase().includes("octocat"));
  const texts = [
    refused.headers.get("Location") ?? "",
    await refused.text(),
    await page.text(),
    await json.text(),
  ];
  expect(json.status).toBe(403);
  expect(told(texts)).toBe(false);
  expect(told([...texts, `curious is not one of ${ALLOWED}`])).toBe(true);
});
