/** Every way to sign in, and the account page, in a real Chromium with an authenticator of its own. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { type GithubStandIn, startGithubStandIn } from "../support/github-stand-in.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const PASSPHRASE = "seven quiet moons at noon";
const OTHER = "eight loud suns by night";

let luna: Luna;
let github: GithubStandIn;
let browser: Browser;
let page: Page;
/** Passkeys need a name, and `luna up` prints a number. */
let named: string;
beforeAll(async () => {
  github = startGithubStandIn({ enterprise: true });
  const variables = { ...github.variables, ALLOWED_GITHUB_USERNAME: "octocat" };
  const env = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  luna = await startLuna({ files: { ".env": env.join("") } });
  named = luna.url.replace("127.0.0.1", "localhost");
  browser = await startBrowser(named);
  page = await browser.context.newPage();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser.close();
  await luna.stop();
  await luna.remove();
  await github.stop();
}, TIMEOUT_MS);
afterEach(() => {
  expect(browser.strangers).toEqual([]);
  expect(browser.complaints.splice(0)).toEqual([]);
});

const signOut = async (): Promise<void> => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/login/);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  // The live connection of the page that was left.
  browser.complaints.length = 0;
};

/** A device with a finger's print, as Chromium simulates one. */
async function addAuthenticator(): Promise<void> {
  const devtools = await browser.context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", transport: "internal" },
      ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
      automaticPresenceSimulation: true,
    },
  });
}

test("the sign-in page offers what is set up, and nothing else", async () => {
  await page.goto(`${named}/login`);
  await page.getByRole("link", { name: "Sign in with GitHub" }).waitFor();
  expect(await page.getByLabel("Passphrase", { exact: true }).count()).toBe(0);
  expect(await page.getByRole("button", { name: "Sign in with a passkey" }).count()).toBe(0);
  await page.getByText("Sign in with a one-time link").click();
  await page.getByText("luna login-link", { exact: true }).waitFor();
});

test("the account page shows this session, and sets a passphrase", async () => {
  await page.goto(luna.link.replace("127.0.0.1", "localhost"));
  await page.getByRole("heading", { name: "Home" }).waitFor();
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByText("You are signed in as owner, with a one-time link.").waitFor();
  await page.getByText("Chrome on Linux · this browser").waitFor();
  await page.getByLabel("New passphrase", { exact: true }).fill("password1234");
  await page.getByRole("button", { name: "Set the passphrase" }).click();
  await page.getByText(/it is a common password/).waitFor();
  browser.complaints.length = 0;
  await page.getByLabel("New passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByRole("button", { name: "Set the passphrase" }).click();
  await page.getByText("The passphrase is set.").waitFor();
});

test("a passkey is added, renamed, and signs in without anything typed", async () => {
  await addAuthenticator();
  await page.goto(`${named}/account`);
  await page.getByLabel("Name of the new passkey").fill("This laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("heading", { name: "This laptop" }).waitFor();
  // The same device again: the browser itself refuses, and the page says why.
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("has a passkey for this Luna already").waitFor();
  await page.getByRole("button", { name: "Rename This laptop" }).click();
  await page.getByLabel("New name").fill("My laptop");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "My laptop" }).waitFor();
  await signOut();
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL(`${named}/`);
  await page.goto(`${named}/account`);
  await page.getByText("You are signed in as owner, with a passkey.").waitFor();
  await page.getByText(/last used \d/).waitFor();
});

test("the passphrase signs in, and a wrong one says how to get in", async () => {
  await signOut();
  await page.goto(`${named}/login?returnTo=%2Ftools`);
  await page.getByLabel("Passphrase", { exact: true }).fill(OTHER);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText(/Cannot sign in with this passphrase/).waitFor();
  browser.complaints.length = 0;
  await page.getByLabel("Passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${named}/tools`);
});

test("changing the passphrase ends the other sessions made with it", async () => {
  const elsewhere = await fetch(`${luna.url}/auth/passphrase`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: luna.url },
    body: JSON.stringify({ passphrase: PASSPHRASE }),
  });
  expect(elsewhere.status).toBe(200);
  await page.goto(`${named}/account`);
  await page.getByText("Change it").click();
  await page.getByLabel("Current passphrase", { exact: true }).fill(OTHER);
  await page.getByLabel("New passphrase", { exact: true }).fill(OTHER);
  await page.getByRole("button", { name: "Change the passphrase" }).click();
  await page.getByText(/the current one is missing or wrong/).waitFor();
  browser.complaints.length = 0;
  await page.getByLabel("Current passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByRole("button", { name: "Change the passphrase" }).click();
  await page.getByText("The passphrase is changed. One other session ended.").waitFor();
});

test("a session that is ended here is out there with its next request", async () => {
  const cookie = await luna.signIn();
  const me = () => fetch(`${luna.url}/auth/me`, { headers: { Cookie: cookie } });
  expect((await me()).status).toBe(200);
  await page.goto(`${named}/account`);
  await page.getByRole("button", { name: "End the session of A program" }).first().click();
  await until(async () => (await me()).status === 401, { what: "the session to end" });
  const others = [await luna.signIn(), await luna.signIn()];
  await page.goto(`${named}/account`);
  await page.getByRole("button", { name: "End all others…" }).click();
  await page.getByRole("button", { name: "End them" }).click();
  await until(async () => {
    const states = others.map(async (Cookie) =>
      fetch(`${luna.url}/auth/me`, { headers: { Cookie } }),
    );
    return (await Promise.all(states)).every(({ status }) => status === 401);
  });
  await page.getByRole("button", { name: "End all others…" }).waitFor({ state: "detached" });
});

test("a passkey that is removed signs nobody in", async () => {
  await page.goto(`${named}/account`);
  await page.getByRole("button", { name: "Remove… My laptop" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("heading", { name: "My laptop" }).waitFor({ state: "detached" });
  await signOut();
  await page.goto(`${named}/login`);
  await page.getByLabel("Passphrase", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Sign in with a passkey" }).count()).toBe(0);
});

describe("with GitHub", () => {
  /** Where GitHub sends people back to, and GitHub itself. */
  const forget = (): void => {
    browser.strangers = browser.strangers.filter(
      (url) => !url.startsWith(luna.url) && !url.startsWith(github.url),
    );
  };

  test("who is not allowed is told so, and may choose another account", async () => {
    github.user = { id: 99, login: "stranger" };
    await page.goto(`${named}/login?returnTo=%2Ftools`);
    await page.getByRole("link", { name: "Sign in with GitHub" }).click();
    await page.getByText("it may not use this Luna").waitFor();
    expect(page.url()).toStartWith(`${luna.url}/login?returnTo=%2Ftools&problem=`);
    expect(await axeFindings(page)).toEqual([]);
    github.user = { id: 583_231, login: "Octocat" };
    await page.getByRole("link", { name: "Choose another GitHub account" }).click();
    await page.waitForURL(`${luna.url}/tools`);
    forget();
  });

  test("who is allowed is the owner, by the name at GitHub", async () => {
    await page.goto(`${luna.url}/account`);
    await page.getByText("You are signed in as Octocat, with GitHub.").waitFor();
    await page.getByRole("heading", { name: "GitHub accounts" }).waitFor();
    const link = page.getByRole("link", { name: named });
    expect(await link.getAttribute("href")).toBe(`${named}/account`);
    await page.getByRole("button", { name: "Forget… Octocat" }).click();
    await page.getByRole("button", { name: "Forget it" }).click();
    await page.waitForURL(/\/login/);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    browser.complaints.length = 0;
    forget();
  });

  const PROBLEMS = ["github_state", "github_redirect&returnTo=%2F", "too_many&wait=6", "no_such"];
  for (const colorScheme of ["dark", "light"] as const) {
    for (const width of [1280, 390, 320]) {
      test(`the sign-in page in ${colorScheme} at ${width} px breaks no rule, whatever went wrong`, async () => {
        await page.setViewportSize({ width, height: 844 });
        await page.emulateMedia({ colorScheme });
        for (const problem of PROBLEMS) {
          await page.goto(`${named}/login?problem=${problem}`);
          await page.getByLabel("Passphrase", { exact: true }).waitFor();
          await page.waitForLoadState("networkidle");
          expect(await axeFindings(page)).toEqual([]);
          expect(await sidewaysScroll(page)).toBe(0);
        }
      });
    }
  }
});
