/** The Hub of the compiled Luna in a real Chromium: sign in, look, run a tool, connect, and see a part die and come back. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Page } from "playwright-core";
import { sendSignal } from "../../src/lib/proc.ts";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 30_000;
const FIRST_SCRIPT_GZIP_MAX = 160 * 1024;
const FIRST_REQUESTS_MAX = 10;
const LABELS = ["Supervisor", "Proxy", "Sign-in", "Agent API", "MCP", "Hub"];

let luna: Luna;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  luna = await startLuna();
  browser = await startBrowser(luna.url);
  page = await browser.context.newPage();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser.close();
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);
afterEach(() => {
  expect(browser.strangers).toEqual([]);
  expect(browser.complaints.splice(0)).toEqual([]);
});

const part = (name: string) => page.locator(`[data-process="${name}"]`);

describe("signing in", () => {
  test("without a session every page leads to the sign-in page, and back later", async () => {
    await page.goto(`${luna.url}/tools`);
    expect(page.url()).toBe(`${luna.url}/login?returnTo=%2Ftools`);
    await page.getByText("luna login-link").waitFor();
    expect(await axeFindings(page)).toEqual([]);
  });

  test("the link signs in, and its token is in no address any more", async () => {
    await page.goto(luna.link);
    await page.getByRole("heading", { name: "Home" }).waitFor();
    expect(page.url()).toBe(`${luna.url}/`);
    const cookies = await browser.context.cookies();
    expect(cookies.length).toBe(1);
    expect(cookies[0]).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  });

  test("the link works once", async () => {
    const other = await startBrowser(luna.url);
    try {
      const stranger = await other.context.newPage();
      await stranger.goto(luna.link);
      await stranger.getByText(/Cannot sign in with this link/).waitFor();
      await stranger.goto(`${luna.url}/`);
      expect(stranger.url()).toStartWith(`${luna.url}/login`);
    } finally {
      await other.close();
    }
  });
});

test("Home shows every part running, and one that is killed as it goes and comes back", async () => {
  await page.goto(`${luna.url}/`);
  for (const label of LABELS)
    await page.getByRole("heading", { name: label, exact: true }).waitFor();
  for (const name of ["supervisor", "auth", "agent", "mcp", "hub", "caddy"]) {
    await part(name).getByText("Running", { exact: true }).waitFor();
  }
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));
  const before = await luna.pidOf("mcp");
  // Each change of state is noted as the page shows it: the whole story takes a fraction of a second.
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    const row = document.querySelector('[data-process="mcp"]');
    const note = () => seen.push(row?.textContent ?? "");
    new MutationObserver(note).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
  sendSignal(before, "SIGKILL");
  await part("mcp")
    .getByText(/1 restart/)
    .waitFor();
  await part("mcp").getByText("Running", { exact: true }).waitFor();
  const story = await page.evaluate(() => (window as unknown as { seen: string[] }).seen.join("|"));
  expect(story).toMatch(/Restarting|Starting/);
  expect(await page.evaluate(() => "notReloaded" in window)).toBe(true);
  expect(await luna.pidOf("mcp")).not.toBe(before);
});

test("a lost supervisor dims the page and does not blank it; it is live again by itself", async () => {
  await page.goto(`${luna.url}/`);
  await part("hub").getByText("Running", { exact: true }).waitFor();
  const { pid } = (await luna.state()).supervisor;
  sendSignal(pid, "SIGKILL");
  await until(async () => (await luna.state()).supervisor.pid !== pid);
  await until(
    async () => {
      const text = await part("supervisor").textContent();
      return text?.includes("Running");
    },
    { what: "the page to be live again" },
  );
  expect(await page.getByRole("heading", { name: "Home" }).isVisible()).toBe(true);
  // While nobody answers, the browser itself notes the failed connections.
  browser.complaints.length = 0;
});

test("a tool runs from a form made of its schema", async () => {
  await page.goto(`${luna.url}/tools`);
  await page.getByRole("link", { name: /NOTES_UPDATE_create/ }).click();
  await page.getByLabel(/^title/).fill("Chromium was here");
  await page.getByLabel(/^body/).fill("and wrote this");
  await page.getByRole("button", { name: "Run tool" }).click();
  await page.getByText(/^Succeeded in/).waitFor();
  await page.getByLabel(/^title/).fill("");
  await page.getByRole("button", { name: "Run tool" }).click();
  expect(await page.getByLabel(/^title/).getAttribute("aria-invalid")).toBe("true");

  await page.goto(`${luna.url}/tools/NOTES_GET_all`);
  await page.getByRole("button", { name: "Run tool" }).click();
  await page.getByText("Chromium was here").first().waitFor();
});

test("Connect makes a server and its key, and what it shows connects a real client", async () => {
  await page.goto(`${luna.url}/connect`);
  await page.getByLabel("Name of the new MCP server").fill("from_browser");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const command = await until(async () => {
    const text = (await page.locator("pre, code").allTextContents()).join("\n");
    return /claude mcp add.*from_browser.*/.exec(text)?.[0];
  });
  const [, url = ""] = /(http\S+\/mcp)/.exec(command) ?? [];
  const [, header = ""] = /'(Authorization: Bearer [^']+)'/.exec(command) ?? [];
  expect(url).toBe(`${luna.url}/api/mcp-from_browser/mcp`);
  const client = new Client({ name: "test", version: "1" });
  const requestInit = { headers: { Authorization: header.replace("Authorization: ", "") } };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit });
  // The SDK's own types do not agree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  expect((await client.listTools()).tools.length).toBeGreaterThan(0);
  await client.close();
});

describe("for everybody", () => {
  const PAGES = ["/", "/account", "/tools", "/tools/NOTES_UPDATE_create", "/connect"];
  for (const path of PAGES) {
    for (const colorScheme of ["dark", "light"] as const) {
      for (const width of [1280, 390, 320]) {
        test(`${path} in ${colorScheme} at ${width} px breaks no rule and does not scroll sideways`, async () => {
          await page.setViewportSize({ width, height: 844 });
          await page.emulateMedia({ colorScheme });
          await page.goto(luna.url + path);
          await page.getByRole("heading", { level: 1 }).waitFor();
          await page.waitForLoadState("networkidle");
          expect(await axeFindings(page)).toEqual([]);
          expect(await sidewaysScroll(page)).toBe(0);
        });
      }
    }
  }

  test("the first view is small", async () => {
    const fresh = await browser.context.newPage();
    const urls: string[] = [];
    fresh.on("request", (request) => urls.push(request.url()));
    await fresh.goto(`${luna.url}/`);
    await fresh.getByRole("heading", { name: "Home" }).waitFor();
    await fresh.waitForLoadState("networkidle");
    const scripts = urls.filter((url) => url.endsWith(".js"));
    const sizes = scripts.map(async (url) => {
      const response = await fetch(url, {
        headers: { "Accept-Encoding": "gzip" },
        decompress: false,
      });
      return (await response.arrayBuffer()).byteLength;
    });
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(scripts.length).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(FIRST_SCRIPT_GZIP_MAX);
    expect(urls.length).toBeLessThanOrEqual(FIRST_REQUESTS_MAX);
    await fresh.close();
  });
});

test("signing out ends the session everywhere", async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${luna.url}/`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/login/);
  await page.goto(`${luna.url}/`);
  expect(page.url()).toStartWith(`${luna.url}/login`);
  browser.complaints.length = 0;
});
