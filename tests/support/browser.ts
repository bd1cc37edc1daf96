/** A real Chromium with a profile of its own, whose pages may not fail in silence. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** Whether Chromium sends anything by itself is not what the tests are about, and nothing outside answers. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Browser {
  context: BrowserContext;
  /** What the pages complained about: console errors, uncaught errors, refused content. */
  complaints: string[];
  /** Requests that left the origin. */
  strangers: string[];
  close(): Promise<void>;
}

function chromiumPath(): string {
  const path = ["chromium", "chromium-browser", "google-chrome"]
    .map((name) => Bun.which(name))
    .find((found) => found !== null && existsSync(found));
  if (path === undefined || path === null) {
    throw new Error(
      "Chromium is not installed: run .ci/run as root on Debian, or install it yourself",
    );
  }
  return path;
}

/** @param origin the only place that pages may talk to */
export async function startBrowser(origin: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "luna-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    args: ARGUMENTS,
    viewport: { width: 1280, height: 800 },
    colorScheme: "dark",
    reducedMotion: "reduce",
  });
  const complaints: string[] = [];
  const strangers: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:")) strangers.push(url);
  });
  return {
    context,
    complaints,
    strangers,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe finds against WCAG 2.2 AA and good practice: rule and element, one line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's content policy does not bind.
  await page.evaluate(await readFile(AXE, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

/** How many pixels the page is wider than its window. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}
