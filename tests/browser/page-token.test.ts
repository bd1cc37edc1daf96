/** A hostile extension's UI in a real Chromium, framed and in its own tab: it gets no page token and changes nothing. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Frame, Page } from "playwright-core";
import { PAGE_META, PAGE_TOKEN } from "../../src/contract/page-token.ts";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const ATTEMPTS_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;

let luna: Luna;
let browser: Browser;
/** A Hub page that stays open next to everything that is tried. */
let hub: Page;
let token: string;

beforeAll(async () => {
  luna = await startLuna({ files: await fixtureExtension("spy") });
  browser = await startBrowser(luna.url);
  hub = await browser.context.newPage();
  await hub.goto(luna.link);
  await hub.getByRole("heading", { name: "Home" }).waitFor();
  token = await tokenOf(hub);
}, START_TIMEOUT_MS);
afterAll(async () => {
  await browser.close();
  await luna.stop();
  await luna.remove();
}, START_TIMEOUT_MS);

async function tokenOf(page: Page): Promise<string> {
  return (await page.locator(`meta[name="${PAGE_META}"]`).getAttribute("content")) ?? "";
}

/** What the fixture's page offers. */
interface Spy {
  read(): Promise<Record<string, string>>;
  registerWorkers(): Promise<Record<string, string>>;
  change(tokens: (string | null)[]): Promise<string[]>;
  postForms(): Promise<void>;
}
type SpyWindow = Window & { spy: Spy };

/** The fixture's page, wherever a person may meet it. */
const PLACES: Record<string, () => Promise<Page | Frame>> = {
  "framed by the Hub": async () => {
    const page = await browser.context.newPage();
    await page.goto(`${luna.url}/apps/spy`);
    return until(() => page.frame({ url: /\/ext\/spy\// }), { what: "the frame" });
  },
  "in a tab of its own": async () => {
    const page = await browser.context.newPage();
    await page.goto(`${luna.url}/ext/spy/`);
    return page;
  },
  "opened by a Hub page": async () => {
    const opening = browser.context.waitForEvent("page");
    await hub.evaluate(() => void window.open("/ext/spy/", "_blank"));
    return await opening;
  },
};

async function spyIn(place: string): Promise<Page | Frame> {
  const spy = await PLACES[place]?.();
  if (spy === undefined) throw new Error(`There is no place "${place}"`);
  await spy.waitForFunction(() => "spy" in window);
  return spy;
}

async function closeAllButHub(): Promise<void> {
  for (const page of browser.context.pages()) if (page !== hub) await page.close();
}

test("the Hub's own page has the token, also after it was left and entered again", async () => {
  expect(token).toMatch(PAGE_TOKEN);
  const page = await browser.context.newPage();
  for (const path of ["/", "/tools", "/connect"]) {
    await page.goto(luna.url + path);
    expect(await tokenOf(page)).toBe(token);
  }
  await page.goto(`${luna.url}/ext/spy/`);
  await page.goBack();
  expect(await tokenOf(page)).toBe(token);
  await page.close();
});

describe.each(Object.keys(PLACES))("a hostile page %s", (place) => {
  test(
    "reads no Hub document with a token",
    async () => {
      const spy = await spyIn(place);
      const loot = await spy.evaluate(() => (window as unknown as SpyWindow).spy.read());
      expect(Object.keys(loot).length).toBeGreaterThan(25);
      for (const [attempt, got] of Object.entries(loot)) {
        expect(got, attempt).not.toContain(token);
        expect(got, attempt).not.toContain(PAGE_META);
      }
      // What it may see, it sees: the attempts were not idle.
      expect(loot["socket"]).toContain('"topic":"boot"');
      await closeAllButHub();
    },
    ATTEMPTS_TIMEOUT_MS,
  );

  test("changes nothing", async () => {
    const before = await luna.pidOf("mcp");
    const spy = await spyIn(place);
    const refused = await spy.evaluate(() =>
      (window as unknown as SpyWindow).spy.change([null, "", "x".repeat(43), "-"]),
    );
    expect(refused.length).toBeGreaterThan(20);
    for (const result of refused) expect(result).toEndWith("403 page_token_required");
    await spy.evaluate(() => (window as unknown as SpyWindow).spy.postForms());
    expect(await luna.pidOf("mcp")).toBe(before);
    await closeAllButHub();
  });

  test("gets no service worker", async () => {
    const spy = await spyIn(place);
    const workers = await spy.evaluate(() =>
      (window as unknown as SpyWindow).spy.registerWorkers(),
    );
    for (const result of Object.values(workers)) expect(result).toStartWith("failed:");
    const registered = await spy.evaluate(async () => {
      return (await navigator.serviceWorker.getRegistrations()).length;
    });
    expect(registered).toBe(0);
    await closeAllButHub();
  });
});

test("with the Hub's token, the same change passes: it is the token that is missing", async () => {
  const before = await luna.pidOf("mcp");
  const spy = await spyIn("in a tab of its own");
  const [restarted] = await spy.evaluate(
    (known) => (window as unknown as SpyWindow).spy.change([known]),
    token,
  );
  expect(restarted).toStartWith("POST /api/supervisor/services/mcp/restart 200");
  await until(async () => (await luna.pidOf("mcp")) !== before, { what: "the restart" });
  await closeAllButHub();
});

test("a Hub page with another session's token gets a new document, and then works", async () => {
  const page = await browser.context.newPage();
  await page.goto(`${luna.url}/connect`);
  await page.evaluate(
    (name) => document.querySelector(`meta[name="${name}"]`)?.setAttribute("content", "old"),
    PAGE_META,
  );
  await page.getByLabel("Name of the new MCP server").fill("after_reload");
  const reloaded = page.waitForEvent("framenavigated");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await reloaded;
  await page.getByLabel("Name of the new MCP server").fill("after_reload");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("mcp-after_reload").first().waitFor();
  await page.close();
});

describe("the page around an extension's UI", () => {
  test("is reached from Home, and leads back and out of the frame", async () => {
    const page = await browser.context.newPage();
    await page.goto(`${luna.url}/`);
    await page.getByRole("link", { name: "spy UI" }).click();
    await page.waitForURL(`${luna.url}/apps/spy`);
    expect(await page.locator(`meta[name="${PAGE_META}"]`).count()).toBe(0);
    await page.frameLocator("iframe").getByRole("heading", { name: "Spy" }).waitFor();
    expect(await axeFindings(page)).toEqual([]);
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await sidewaysScroll(page)).toBe(0);
    }
    const opening = browser.context.waitForEvent("page");
    await page.getByRole("link", { name: "Open in its own tab" }).click();
    expect((await opening).url()).toBe(`${luna.url}/ext/spy/`);
    await page.getByRole("link", { name: "Luna", exact: true }).click();
    await page.getByRole("heading", { name: "Home" }).waitFor();
    expect(await tokenOf(page)).toBe(token);
    await closeAllButHub();
  });

  test("does not go where its frame wants", async () => {
    const spy = await spyIn("framed by the Hub");
    const told = await spy.evaluate(() => {
      try {
        window.top?.location.assign("/ext/spy/");
        return "went";
      } catch (error) {
        return String(error);
      }
    });
    expect(told).toContain("SecurityError");
    await closeAllButHub();
  });
});
