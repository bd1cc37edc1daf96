/** API keys in the Hub of the compiled Luna, in a real Chromium: made, used, seen, rotated and revoked. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 60_000;
const PHONE = { width: 320, height: 844 };
const KEY = /^sk-luna-[\w-]{43}$/;

let luna: Luna;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  luna = await startLuna();
  for (const name of ["home", "work"]) {
    await luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
  }
  browser = await startBrowser(luna.url);
  page = await browser.context.newPage();
  await page.goto(luna.link);
  await page.getByRole("heading", { name: "Home" }).waitFor();
  await page.goto(`${luna.url}/keys`);
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

const row = (name: string) => page.locator(`[data-key="${name}"]`);

async function modelsWith(key: string): Promise<number> {
  const headers = { Authorization: `Bearer ${key}` };
  return (await fetch(`${luna.url}/api/agent/v1/models`, { headers })).status;
}

/** The key that the page shows now. */
async function shownKey(): Promise<string> {
  const text = await page.getByRole("status").locator("pre").textContent();
  expect(text).toMatch(KEY);
  return text ?? "";
}

let key = "";

test(
  "a key is made with what it opens, and shown once",
  async () => {
    await row("AGENT_API_KEY").waitFor();
    await page.getByRole("button", { name: "New key", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "New API key" });
    await dialog.getByRole("textbox", { name: "Name" }).fill("Build server");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByRole("alert").getByText("at least one agent or MCP server").waitFor();
    await dialog.getByLabel("simple_agent").check();
    await dialog.getByLabel("work").check();
    await dialog.getByLabel("Only these").check();
    await dialog.getByLabel("Tools, by name or pattern").fill("NOTES_GET_*");
    await dialog.getByLabel("Of these only tools that change nothing").check();
    await dialog.getByLabel("Expires").selectOption({ label: "In 90 days" });
    expect(await axeFindings(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Create" }).click();
    await row("Build server").waitFor();
    key = await shownKey();
    expect(await axeFindings(page)).toEqual([]);
    const text = await row("Build server").textContent();
    expect(text).toContain(`ends with ${key.slice(-4)}`);
    expect(text).toContain("Agent simple_agent, MCP server work; tool NOTES_GET_*; reads only");
    expect(text).toContain("Never used. Expires ");
    expect(await modelsWith(key)).toBe(200);
    await page.getByRole("button", { name: "I have it" }).click();
    await page.reload();
    await row("Build server").waitFor();
    expect(await page.content()).not.toContain(key);
  },
  TIMEOUT_MS,
);

test(
  "its last use appears by itself",
  async () => {
    await row("Build server")
      .getByText(/Last used \d\d:\d\d/)
      .waitFor();
  },
  TIMEOUT_MS,
);

test(
  "a name that is taken is refused in words",
  async () => {
    await page.getByRole("button", { name: "New key", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "New API key" });
    await dialog.getByRole("textbox", { name: "Name" }).fill("build SERVER");
    await dialog.getByLabel("All agents, also those to come").check();
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByRole("alert").getByText("there is one of that name").waitFor();
    browser.complaints.splice(0); // Chromium notes the 409.
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  },
  TIMEOUT_MS,
);

test(
  "it is rotated with a grace, and revoked at once",
  async () => {
    await row("Build server").getByRole("button", { name: "New key… for Build server" }).click();
    const dialog = page.getByRole("dialog", { name: "Give “Build server” a new key?" });
    expect(await axeFindings(page)).toEqual([]);
    await dialog.getByLabel("The present key works").selectOption({ label: "for another hour" });
    await dialog.getByRole("button", { name: "Make a new key" }).click();
    await row("Build server")
      .getByText(/The key before works until/)
      .waitFor();
    const next = await shownKey();
    for (const one of [key, next]) expect(await modelsWith(one)).toBe(200);
    await row("Build server").getByRole("button", { name: "Revoke… Build server" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
    await row("Build server").waitFor({ state: "detached" });
    for (const one of [key, next]) expect(await modelsWith(one)).toBe(401);
  },
  TIMEOUT_MS,
);

test(
  "AGENT_API_KEY is replaced at once",
  async () => {
    const own = luna.credentials.agentKey;
    await row("AGENT_API_KEY")
      .getByRole("button", { name: /New key/ })
      .click();
    const dialog = page.getByRole("dialog", { name: "Give “AGENT_API_KEY” a new key?" });
    await dialog
      .getByLabel("The present key works")
      .selectOption({ label: "no more: it stops at once" });
    await dialog.getByRole("button", { name: "Make a new key" }).click();
    await page.getByText("The key “AGENT_API_KEY”.").waitFor();
    const next = await shownKey();
    expect(next).not.toBe(own);
    expect([await modelsWith(own), await modelsWith(next)]).toEqual([401, 200]);
  },
  TIMEOUT_MS,
);

test(
  "on a phone, and in daylight, nothing is cut off or hard to read",
  async () => {
    await page.setViewportSize(PHONE);
    await page.emulateMedia({ colorScheme: "light" });
    expect(await sidewaysScroll(page)).toBe(0);
    expect(await axeFindings(page)).toEqual([]);
    await page.getByRole("button", { name: "New key", exact: true }).click();
    await page.getByRole("dialog", { name: "New API key" }).waitFor();
    expect(await sidewaysScroll(page)).toBe(0);
    expect(await axeFindings(page)).toEqual([]);
  },
  TIMEOUT_MS,
);
