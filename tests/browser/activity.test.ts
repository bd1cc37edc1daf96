/** The Hub's page of the audit log in a real Chromium: what was done is there, and can be narrowed and gone back in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 60_000;
/** More than one page of the log holds. */
const CALLS = 130;

let luna: Luna;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  luna = await startLuna();
  browser = await startBrowser(luna.url);
  page = await browser.context.newPage();
  await page.goto(luna.link);
  await page.getByRole("heading", { name: "Home" }).waitFor();
  for (let i = 0; i < CALLS; i += 1) {
    await luna.control("/tools/execute/NOTES_GET_all", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
  }
}, TIMEOUT_MS);
afterAll(async () => {
  await browser.close();
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

const rows = () => page.locator("tbody tr");

test(
  "the activity is listed newest first, leads on to older events, and is narrowed",
  async () => {
    await page.getByRole("link", { name: "Activity" }).click();
    await page.getByRole("heading", { name: "Activity" }).waitFor();
    await rows().first().waitFor();
    expect(await rows().count()).toBe(100);
    expect(await rows().first().textContent()).toContain("tool.call");
    expect(await axeFindings(page)).toEqual([]);
    await page.getByRole("button", { name: "Show older" }).click();
    await page.getByText("sign_in").first().waitFor();
    expect(await rows().count()).toBeGreaterThan(CALLS);

    await page.getByLabel("What", { exact: true }).selectOption({ label: "Signing in and out" });
    await rows().filter({ hasText: "tool.call" }).first().waitFor({ state: "detached" });
    expect(await rows().count()).toBe(1);
    expect(await rows().first().textContent()).toMatch(
      /owner[\s\S]*sign_in[\s\S]*ok[\s\S]*method link/,
    );
    await page.getByLabel("How it ended").selectOption({ label: "Refused" });
    await page.getByText("Nothing of that kind was found").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${luna.url}/activity`);
    const details = rows().first().getByRole("cell").last();
    await details.waitFor();
    const box = await details.boundingBox();
    expect(box?.width).toBeGreaterThan(200);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
    expect(await axeFindings(page)).toEqual([]);
    expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
    expect(browser.complaints).toEqual([]);
    expect(browser.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
