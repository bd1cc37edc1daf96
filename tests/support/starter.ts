/** The starter that `luna ext new` lays out, as a zip, and how long it takes from there to a tool that is called. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { scaffold } from "../../src/extensions/scaffold.ts";
import { TEMPLATE } from "../../src/extensions/template.generated.ts";
import { apply, postJson } from "./runs.ts";
import type { Luna } from "./start-luna.ts";
import { until } from "./until.ts";
import { upload } from "./versions.ts";

export const STARTER = "starter";
const GREETING = "STARTER_GET_greeting";
/** Far beyond what is promised. */
const TOLD_TIMEOUT_MS = 30_000;

/** A client that hears what its server tells by itself: the stream for that is open. */
export async function connectListener(url: string, key: string): Promise<Client> {
  const listening = Promise.withResolvers<void>();
  const client = new Client({ name: "listener", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${key}` } },
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      if (init?.method === "GET") listening.resolve();
      return answer;
    },
  });
  await client.connect(transport);
  await listening.promise;
  return client;
}

function starterFiles(): Record<string, string> {
  const options = { name: STARTER, isPython: false, hasUi: true, hasService: true };
  return Object.fromEntries(scaffold(TEMPLATE, options));
}

/** From now on: waits until the client was told that tools changed, looked, and found its tool there or gone. */
function hears(client: Client, isThere: boolean): () => Promise<unknown> {
  let isTold = false;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    isTold = true;
  });
  const isSo = async (): Promise<boolean> => {
    const { tools } = await client.listTools();
    return tools.some(({ name }) => name === GREETING) === isThere;
  };
  return () =>
    until(async () => isTold && (await isSo()), {
      ...{ timeoutMs: TOLD_TIMEOUT_MS, what: "word that the tools changed" },
    });
}

/**
 * Uploads and installs the starter on a running Luna; `client` was connected before.
 * @returns the milliseconds from the upload to the answer of its tool, which the client heard of by itself
 */
export async function installStarter(luna: Luna, client: Client): Promise<number> {
  const heard = hears(client, true);
  const began = performance.now();
  const source = await upload(luna, starterFiles());
  const operations = [{ type: "install", target: STARTER, source }];
  const accepted = await postJson(luna, "/queue/apply", { operations });
  if (accepted.status !== 202) throw new Error(`It was refused: ${await accepted.text()}`);
  await heard();
  const called = await client.callTool({ name: GREETING, arguments: { name: "Ada" } });
  const durationMs = performance.now() - began;
  const text = JSON.stringify(called);
  if (!text.includes("Hello, Ada!")) throw new Error(`It answered ${text}`);
  // Its UI and its service may still be starting.
  await until(async () => (await (await luna.control("/queue/status")).json()).run_id === null);
  return durationMs;
}

/** Deletes it again; `client` hears of that too. */
export async function deleteStarter(luna: Luna, client: Client): Promise<void> {
  const heard = hears(client, false);
  await apply(luna, [{ type: "delete", target: STARTER }]);
  await heard();
}
