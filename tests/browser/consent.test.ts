/** The consent page in a real Chromium: a program on this computer signs in with an SDK's own provider, the owner says yes or no. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import type { Page } from "playwright-core";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type GithubStandIn, startGithubStandIn } from "../support/github-stand-in.ts";
import { newPkce } from "../support/oauth-client.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;

let luna: Luna;
let github: GithubStandIn;
let browser: Browser;
let page: Page;
/** What a program on this computer listens at. */
let listener: ReturnType<typeof Bun.serve>;
const heard: URL[] = [];

beforeAll(async () => {
  github = startGithubStandIn({ enterprise: true });
  github.user = { id: 583_231, login: "octocat" };
  const variables = { ...github.variables, ALLOWED_GITHUB_USERNAME: "octocat" };
  const env = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  luna = await startLuna({
    files: {
      ".env": env.join(""),
      ...(await fixtureExtension("conformance")),
      ...(await fixtureExtension("spy")),
    },
  });
  listener = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: ({ url }) => {
      if (new URL(url).pathname === "/callback") heard.push(new URL(url));
      return new Response("<!doctype html><title>Signed in</title><p>You can close this page.", {
        headers: { "Content-Type": "text/html" },
      });
    },
  });
  browser = await startBrowser(luna.url);
  page = await browser.context.newPage();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser.close();
  await listener.stop(true);
  await luna.stop();
  await luna.remove();
  await github.stop();
}, TIMEOUT_MS);
afterEach(() => {
  const program = `http://127.0.0.1:${listener.port}/`;
  const outside = [program, github.url];
  expect(
    browser.strangers.splice(0).filter((url) => !outside.some((at) => url.startsWith(at))),
  ).toEqual([]);
  expect(browser.complaints.splice(0)).toEqual([]);
});

/** A program with an SDK's provider; `opened` is where it sends the browser. */
function program(name: string) {
  const redirectUrl = `http://127.0.0.1:${listener.port}/callback`;
  const kept: { client?: unknown; tokens?: unknown; verifier?: string; opened?: URL } = {};
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: { client_name: name, redirect_uris: [redirectUrl] },
    state: () => "a state",
    clientInformation: () => kept.client as never,
    saveClientInformation: (client) => {
      kept.client = client;
    },
    tokens: () => kept.tokens as never,
    saveTokens: (tokens) => {
      kept.tokens = tokens;
    },
    redirectToAuthorization: (url) => {
      kept.opened = url;
    },
    saveCodeVerifier: (verifier) => {
      kept.verifier = verifier;
    },
    codeVerifier: () => kept.verifier ?? "",
  };
  const transport = () =>
    new StreamableHTTPClientTransport(new URL(`${luna.url}/api/mcp`), { authProvider: provider });
  return { kept, transport, client: () => new Client({ name, version: "1" }) };
}

async function begin(name: string) {
  const made = program(name);
  await made
    .client()
    .connect(made.transport())
    .catch(() => undefined);
  if (made.kept.opened === undefined) throw new Error("The program opened no browser");
  heard.length = 0;
  return { ...made, opened: made.kept.opened.href };
}

test(
  "who is not signed in signs in first, by GitHub here, and is asked then",
  async () => {
    const { opened, transport, client } = await begin("Sketchbook");
    await page.goto(opened);
    await page.getByRole("link", { name: "Sign in with GitHub" }).click();
    await page.getByRole("heading", { name: "“Sketchbook” wants to use your tools" }).waitFor();
    // GitHub knew the owner, and yet nothing went on without them.
    expect(heard).toEqual([]);
    expect(
      await page.getByText(`A program on your computer (127.0.0.1:${listener.port})`).count(),
    ).toBe(1);
    await page.getByText(/It chose this name itself/).waitFor();
    await page.getByText(/See and run every tool/).waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await sidewaysScroll(page)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("You can close this page.").waitFor();
    const answer = heard[0];
    expect(answer?.searchParams.get("state")).toBe("a state");
    expect(answer?.searchParams.get("iss")).toBe(luna.url);
    const connection = transport();
    await connection.finishAuth(answer?.searchParams ?? new URLSearchParams());
    const signedIn = client();
    await signedIn.connect(transport());
    const names = (await signedIn.listTools()).tools.map(({ name }) => name);
    expect(names).toContain("test_simple_text");
    const called = await signedIn.callTool({ name: "test_simple_text", arguments: {} });
    expect(JSON.stringify(called)).toContain("simple text response");
    await signedIn.close();
  },
  TIMEOUT_MS,
);

test(
  "the owner may say no, or allow reading alone",
  async () => {
    const refused = await begin("Refused");
    await page.goto(refused.opened);
    await page.getByRole("button", { name: "Do not allow" }).click();
    await page.getByText("You can close this page.").waitFor();
    expect(heard[0]?.searchParams.get("error")).toBe("access_denied");
    expect(heard[0]?.searchParams.has("code")).toBe(false);
    const reader = await begin("Reader");
    await page.goto(reader.opened);
    await page.getByLabel("Only tools that read").check();
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("You can close this page.").waitFor();
    await reader.transport().finishAuth(heard[0]?.searchParams ?? new URLSearchParams());
    const client = reader.client();
    await client.connect(reader.transport());
    const tools = (await client.listTools()).tools;
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);
    await client.close();
  },
  TIMEOUT_MS,
);

test(
  "what cannot be granted, and what nobody sent, says so",
  async () => {
    for (const [query, words] of [
      ["client_id=nobody", /does not know the program/],
      ["client_id=https%3A%2F%2Fclient.invalid%2Fx", /cannot read what the program/],
    ] as const) {
      await page.goto(`${luna.url}/api/authorize?${query}`);
      await page.getByText(words).waitFor();
    }
    await page.goto(`${luna.url}/consent?request=${"A".repeat(43)}`);
    await page.getByText(/was answered already/).waitFor();
    // The browser tells of the answer 404.
    browser.complaints.length = 0;
  },
  TIMEOUT_MS,
);

test(
  "CVE-2026-27124: another browser of the same owner cannot finish what this one began",
  async () => {
    const { opened } = await begin("Two browsers");
    await page.goto(opened);
    await page.getByRole("heading", { name: /Two browsers/ }).waitFor();
    const address = page.url();
    const second = await startBrowser(luna.url);
    try {
      const there = await second.context.newPage();
      const link = (await luna.run("login-link")).stdout.trim();
      await there.goto(link);
      await there.getByRole("heading", { name: "Home" }).waitFor();
      await there.goto(address);
      await there.getByText(/was begun in another browser/).waitFor();
      expect(await there.getByRole("button", { name: "Allow", exact: true }).count()).toBe(0);
    } finally {
      await second.close();
    }
    await page.getByRole("button", { name: "Do not allow" }).click();
    await page.getByText("You can close this page.").waitFor();
  },
  TIMEOUT_MS,
);

test(
  "an extension's page on the same origin can ask for itself, and allow itself nothing",
  async () => {
    const registered = await fetch(`${luna.url}/api/register`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ client_name: "Evil", redirect_uris: ["https://evil.example/cb"] }),
    });
    const { client_id } = (await registered.json()) as { client_id: string };
    const query = new URLSearchParams({
      ...{ response_type: "code", client_id, redirect_uri: "https://evil.example/cb" },
      ...{ code_challenge: newPkce().challenge, code_challenge_method: "S256" },
      resource: `${luna.url}/api/mcp`,
    });
    await until(async () => (await page.goto(`${luna.url}/ext/spy/`))?.ok() === true);
    const tried = await page.evaluate(async (address) => {
      const results: Record<string, unknown> = {};
      const fetched = await fetch(address, { redirect: "follow" });
      results["fetched"] = fetched.status;
      // A window of its own, which a script opens, is a page that the owner sees.
      const frame = document.createElement("iframe");
      frame.src = address;
      document.body.append(frame);
      await new Promise((resolve) => frame.addEventListener("load", resolve));
      let text = "";
      try {
        text = frame.contentDocument?.body.textContent ?? "";
      } catch {
        // Refused: the browser shows its own page there.
      }
      results["framed"] = text.includes("wants to use");
      const ids = performance
        .getEntriesByType("resource")
        .map(({ name }) => /request=([\w-]{43})/.exec(name)?.[1])
        .filter((id) => id !== undefined);
      const posted: number[] = [];
      for (const id of [...ids, "A".repeat(43)]) {
        const answer = await fetch(`/auth/account/oauth/requests/${id}`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ decision: "allow" }),
        });
        posted.push(answer.status);
      }
      results["posted"] = posted;
      return results;
    }, `/api/authorize?${query}`);
    expect(tried["fetched"]).toBe(403);
    expect(tried["framed"]).toBe(false);
    expect(new Set(tried["posted"] as number[])).toEqual(new Set([403]));
    browser.complaints.length = 0;
    const { stdout } = await luna.run("mcp", "clients", "--json");
    expect(stdout).not.toContain("Evil");
  },
  TIMEOUT_MS,
);

test(
  "the account page shows who has signed in, and takes it back",
  async () => {
    await page.goto(`${luna.url}/account`);
    const card = page.getByRole("region", { name: "Connected MCP clients" });
    await card.getByRole("heading", { name: "Sketchbook" }).waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await card.getByRole("button", { name: "Remove Sketchbook" }).click();
    await page.getByRole("button", { name: "Remove it" }).click();
    await card.getByRole("heading", { name: "Sketchbook" }).waitFor({ state: "detached" });
    await card.getByRole("heading", { name: "Reader" }).waitFor();
  },
  TIMEOUT_MS,
);
