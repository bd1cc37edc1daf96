/** What each test of a real client stands on: a running Luna with a named server, the client's home, and an owner at a browser. */
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { sendSignal, statOf } from "../../src/lib/proc.ts";
import { startBrowser } from "./browser.ts";
import { type ClientHome, makeClientHome } from "./client-home.ts";
import { clientPackages, INSTALL_TIMEOUT_MS } from "./client-packages.ts";
import { fixtureExtension } from "./fixture.ts";
import { type Luna, startLuna } from "./start-luna.ts";
import { until } from "./until.ts";

/** For the hook that starts a rig. */
export const RIG_TIMEOUT_MS = INSTALL_TIMEOUT_MS + 60_000;

export interface ClientRig {
  /** The main server, which wants OAuth. */
  main: string;
  /** A named server, which wants its key. */
  named: string;
  key: string;
  /** The `node_modules` of the programs. */
  packages: string;
  client: ClientHome;
  /** In Chromium: the owner, signed in by a one-time link, opens a client's address and allows what it asks for. */
  allow(address: string): Promise<void>;
  /** Kills the MCP service and waits for the next one. */
  killMcp(): Promise<void>;
  /** Ends the whole of Luna, and starts it again. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/**
 * Kills the MCP service. A call that met the dying process would be lost: it may have run, so nobody repeats it. Caddy
 * has been seen to answer a call with 502 just after the next one was ready, so the first call may need repeating, too.
 */
export async function killMcp(luna: Luna): Promise<void> {
  const pid = await luna.pidOf("mcp");
  sendSignal(pid, "SIGKILL");
  await until(() => statOf(pid) === undefined);
  await until(async () => (await luna.pidOf("mcp")) !== pid);
}

/** Ends the whole of Luna, and starts it again at the same ports. */
export async function restarted(luna: Luna): Promise<Luna> {
  await luna.stop();
  return startLuna({ home: luna.home, offset: Number(luna.environment["LUNA_PORT_OFFSET"]) });
}

/** Chromium ends afterwards: the sockets that it opens in advance would keep a client from closing its listener. */
async function allowInChromium(luna: Luna, address: string): Promise<void> {
  const browser = await startBrowser(luna.url);
  try {
    const page = await browser.context.newPage();
    await page.goto((await luna.run("login-link")).stdout.trim());
    await page.getByRole("heading", { name: "Home" }).waitFor();
    await page.goto(address);
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    // The client's own page may want more than there is, or close itself.
    await page.waitForURL((url) => url.origin !== luna.url, { waitUntil: "commit" });
  } finally {
    await browser.close();
  }
}

export async function startClientRig(): Promise<ClientRig> {
  const packages = await clientPackages();
  let luna = await startLuna({
    files: {
      ...(await fixtureExtension("conformance")),
      // Some clients name a document of theirs on the internet, which no test asks.
      ".luna/master_config.json": JSON.stringify({ mcp: { client_documents: false } }),
    },
  });
  const made = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "clients" }),
  });
  const { server, api_key } = McpServerKey.parse(await made.json());
  const client = await makeClientHome();
  return {
    ...{ main: `${luna.url}/api/mcp`, named: server.url, key: api_key, packages, client },
    allow: (address) => allowInChromium(luna, address),
    killMcp: () => killMcp(luna),
    restart: async () => {
      luna = await restarted(luna);
    },
    end: async () => {
      await luna.stop();
      await luna.remove();
      await client.remove();
    },
  };
}
