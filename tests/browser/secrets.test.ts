/** Secrets in the Hub of the compiled Luna, in a real Chromium: missing, set, replaced, shown, uploaded and deleted. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { EnvFile } from "../../src/config/env-file.ts";
import { axeFindings, type Browser, sidewaysScroll, startBrowser } from "../support/browser.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 60_000;
const STORED = "weather-key-from-before-0001";

let luna: Luna;
let browser: Browser;
let page: Page;
/** Every answer of the control API to the page. */
const answered: string[] = [];
beforeAll(async () => {
  luna = await startLuna({
    files: {
      ".luna/master_config.json": "{}",
      ".env": `WEATHER_KEY=${STORED}\nDB_PASSWORD=correct-horse\n`,
      "extensions/weather/config.json": JSON.stringify({
        required_secrets: [
          "WEATHER_KEY",
          {
            name: "CITY",
            label: "City",
            help: "The one to tell the weather of.",
            default: "Hamburg",
          },
        ],
      }),
      "extensions/weather/services/worker/start.sh": "#!/bin/sh\nexec sleep 600\n",
    },
  });
  browser = await startBrowser(luna.url);
  page = await browser.context.newPage();
  page.on("response", (response) => {
    if (!response.url().includes("/keys/")) return;
    void response.text().then((text) => answered.push(text));
  });
  await page.goto(luna.link);
  await page.getByRole("heading", { name: "Home" }).waitFor();
  await page.goto(`${luna.url}/keys`);
  await name("WEATHER_KEY").waitFor();
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

/** Where the name stands, and not the buttons that say it too. */
const name = (key: string) => page.getByRole("paragraph").filter({ hasText: key }).first();
const env = () => new EnvFile(luna.paths.env).read();
const button = (name: string) => page.getByRole("button", { name, exact: true });

/** Breaks no rule and does not scroll sideways, on a screen and on a phone. */
async function isForEverybody(): Promise<void> {
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await axeFindings(page)).toEqual([]);
    expect(await sidewaysScroll(page)).toBe(0);
  }
  await page.setViewportSize({ width: 1280, height: 844 });
}

test("what is missing is set from what the manifest says of it", async () => {
  await page.getByText("The one to tell the weather of.").waitFor();
  await isForEverybody();
  await button("Set CITY").click();
  expect(await page.getByLabel("Value").inputValue()).toBe("Hamburg");
  await page.getByLabel("Value").fill("Bremen");
  await isForEverybody();
  await button("Save").click();
  await page.getByText("CITY is set. Started again: weather worker.").waitFor();
  expect((await env())["CITY"]).toBe("Bremen");
  expect(await page.getByRole("heading", { name: "Missing" }).count()).toBe(0);
});

test("a stored value is in no answer and not on the page, until somebody says to show it", async () => {
  expect(await page.content()).not.toContain(STORED);
  expect(answered.length).toBeGreaterThan(2);
  expect(answered.join()).not.toContain(STORED);
  await page.getByText("••••••••0001").waitFor();
  await button("Show WEATHER_KEY").click();
  expect(await page.content()).not.toContain(STORED);
  await button("Show it").click();
  await page.getByText(STORED).waitFor();
  await isForEverybody();
  await button("Hide").click();
  await page.getByText(STORED).waitFor({ state: "detached" });
});

test("a pasted assignment fills both fields, and what is typed is not readable", async () => {
  await button("Add a key").click();
  await page.getByLabel("Name", { exact: true }).fill("export NEW_KEY='pasted value'");
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("NEW_KEY");
  const value = page.getByLabel("Value");
  expect(await value.inputValue()).toBe("pasted value");
  const security = () =>
    value.evaluate((field) => getComputedStyle(field).getPropertyValue("-webkit-text-security"));
  expect(await security()).toBe("disc");
  await page.getByLabel("Show what I type").check();
  expect(await security()).toBe("none");
  await button("Save").click();
  await page.getByText("NEW_KEY is set.").waitFor();
  expect((await env())["NEW_KEY"]).toBe("pasted value");
});

test("a name that Luna refuses is told where it was typed", async () => {
  await button("Add a key").click();
  await page.getByLabel("Name", { exact: true }).fill("LD_PRELOAD");
  await page.getByLabel("Value").fill("/x.so");
  await button("Save").click();
  await page.getByText(/it changes how programs run/).waitFor();
  await button("Cancel").click();
  browser.complaints.length = 0;
});

test("a file is shown by name before it is written", async () => {
  const text = "WEATHER_KEY=of-the-file\nOTHER_KEY=1\nPATH=/evil\nDB_PASSWORD=correct-horse\n";
  await page.locator('input[type="file"]').setInputFiles({
    ...{ name: ".env", mimeType: "text/plain", buffer: Buffer.from(text) },
  });
  await page.getByText(/Line 3/).waitFor();
  await isForEverybody();
  expect((await env())["OTHER_KEY"]).toBeUndefined();
  expect(await page.content()).not.toContain("of-the-file");
  await button("Write these 2 keys").click();
  await page.getByText("2 keys are written. Started again: weather worker.").waitFor();
  expect(await env()).toMatchObject({ WEATHER_KEY: "of-the-file", OTHER_KEY: "1" });
});

test("a key is deleted after a question that says who uses it", async () => {
  await button("Delete WEATHER_KEY").click();
  await page.getByText("weather can no longer use it, at once.", { exact: false }).waitFor();
  await button("Delete").click();
  await page.getByText("WEATHER_KEY is deleted.").waitFor();
  expect((await env())["WEATHER_KEY"]).toBeUndefined();
  await page.getByRole("heading", { name: "Missing" }).waitFor();
});

test("Luna's own keys are named, and nothing can be done with them here", async () => {
  await page.getByText("Made by Luna for itself").click();
  await name("LUNA_SECRET").waitFor();
  for (const key of ["LUNA_SECRET", "SUPERVISOR_API_TOKEN", "AGENT_API_KEY"]) {
    for (const what of ["Replace", "Show", "Delete"]) {
      expect(await button(`${what} ${key}`).count()).toBe(0);
    }
  }
});
