/** Real MCP clients of every revision on the compiled Luna, through Caddy and with a key, over restarts of the MCP service and of Luna. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewTransport,
} from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { killMcp, restarted } from "../support/client-rig.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

/** A tool that says when it begins, and when it hears that nobody waits any more. */
const PATIENT = `
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { defineTool, z } from "luna";
export const TOOLS = [defineTool({
  name: "PATIENT_wait", description: "Waits until it is told not to.", input: z.object({ who: z.string() }),
  run: ({ who }, context) => new Promise((resolve) => {
    const mark = (what) => appendFileSync(join(context.data_dir, "marks"), who + " " + what + "\\n");
    mark("waits");
    context.signal.addEventListener("abort", () => { mark("heard"); resolve("stopped"); });
  }),
})];`;

let luna: Luna;
let made: McpServerKey;

beforeAll(async () => {
  luna = await startLuna({
    files: {
      ...(await fixtureExtension("conformance")),
      "extensions/patient/config.json": "{}",
      "extensions/patient/tools/patient_tools.ts": PATIENT,
    },
  });
  const response = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "clients" }),
  });
  made = McpServerKey.parse(await response.json());
}, 60_000);

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

interface Progress {
  progress: number;
}
interface CallOptions {
  onprogress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** What a test needs of a client, whichever SDK it is of. */
interface AnyClient {
  names(): Promise<string[]>;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string>;
  /** Resolves with the tools' names once they changed. */
  changed: Promise<string[]>;
}

const headers = () => ({ Authorization: `Bearer ${made.api_key}` });
const NAME = { name: "test", version: "1" };
const ACCEPT = { action: "accept" as const, content: { name: "Ada" } };

async function oldClient(): Promise<AnyClient> {
  const client = new OldClient(NAME, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ACCEPT);
  const names = async () => (await client.listTools()).tools.map(({ name }) => name);
  const changed = Promise.withResolvers<string[]>();
  client.setNotificationHandler(ToolListChangedNotificationSchema, async () =>
    changed.resolve(await names()),
  );
  const transport = new OldTransport(new URL(made.server.url), {
    requestInit: { headers: headers() },
  });
  // The SDK's own types do not agree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<OldClient["connect"]>[0]);
  ends.push(() => client.close());
  const call: AnyClient["call"] = async (name, args = {}, options = {}) =>
    JSON.stringify(await client.callTool({ name, arguments: args }, undefined, options));
  return { names, call, changed: changed.promise };
}

async function newClient(mode: "auto" | "legacy"): Promise<AnyClient> {
  const changed = Promise.withResolvers<string[]>();
  const client = new NewClient(NAME, {
    capabilities: { elicitation: { form: {} } },
    versionNegotiation: { mode },
    listChanged: {
      tools: {
        onChanged: (_, tools) => changed.resolve((tools ?? []).map(({ name }) => name)),
      },
    },
  });
  client.setRequestHandler("elicitation/create", () => ACCEPT);
  const transport = new NewTransport(new URL(made.server.url), {
    requestInit: { headers: headers() },
  });
  await client.connect(transport);
  ends.push(() => client.close());
  expect(client.getNegotiatedProtocolVersion()).toBe(mode === "auto" ? "2026-07-28" : "2025-11-25");
  return {
    names: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, options = {}) =>
      JSON.stringify(await client.callTool({ name, arguments: args }, options)),
    changed: changed.promise,
  };
}

const marks = async (): Promise<string> => {
  const file = Bun.file(join(luna.paths.extensions, "patient/data/marks"));
  return (await file.exists()) ? file.text() : "";
};

const setTool = (name: string, enabled_in_mcp: boolean) =>
  new MasterConfigStore(luna.paths.masterConfig).update((config) => {
    config.tool_configs[name] = { ...config.tool_configs[name], enabled_in_mcp };
  });

const KINDS: [string, () => Promise<AnyClient>][] = [
  ["the v1 SDK's client", oldClient],
  ["the v2 SDK's client on 2025-11-25", () => newClient("legacy")],
  ["the v2 SDK's client on 2026-07-28", () => newClient("auto")],
];

for (const [kind, connect] of KINDS) {
  describe(kind, () => {
    test("lists, calls, hears of progress, is asked, and gets every kind of content", async () => {
      const client = await connect();
      const names = await client.names();
      expect(names).toContain("test_simple_text");
      expect(names).toContain("NOTES_GET_all");
      expect(await client.call("test_simple_text")).toContain("simple text response");
      expect(await client.call("test_structured_output", { of: 21 })).toContain('"double":42');
      expect(await client.call("test_multiple_content_types")).toContain("image/png");
      expect(await client.call("test_error_handling")).toContain("intentionally");
      const heard: number[] = [];
      await client.call(
        "test_tool_with_progress",
        {},
        {
          onprogress: ({ progress }) => heard.push(progress),
        },
      );
      expect(heard).toEqual([0, 50, 100]);
      expect(await client.call("test_input_required_result_elicitation")).toContain("Hello, Ada!");
    });

    test("stops a tool by cancelling its call", async () => {
      const client = await connect();
      const giveUp = new AbortController();
      const call = client.call("PATIENT_wait", { who: kind }, { signal: giveUp.signal });
      const given = call.catch(() => "given up");
      await until(async () => (await marks()).includes(`${kind} waits`), { what: "the call" });
      giveUp.abort();
      expect(await given).toBe("given up");
      await until(async () => (await marks()).includes(`${kind} heard`), {
        what: "the tool to stop",
      });
      expect(await client.call("test_simple_text")).toContain("simple text response");
    });

    test("hears at once that a tool was switched off, and cannot call it", async () => {
      const client = await connect();
      expect(await client.names()).toContain("test_audio_content");
      try {
        // Its stream may not be open yet.
        await until(
          async () => {
            await setTool("test_audio_content", false);
            const told = await Promise.race([client.changed, Bun.sleep(600)]);
            if (told === undefined) await setTool("test_audio_content", true);
            return told;
          },
          { what: "the change to be told" },
        );
        expect(await client.changed).not.toContain("test_audio_content");
        const called = client.call("test_audio_content").catch((error: Error) => error.message);
        expect(await called).toContain("Unknown tool");
      } finally {
        await setTool("test_audio_content", true);
      }
    });

    test("goes on after the MCP service was killed, without signing in or connecting again", async () => {
      const client = await connect();
      expect(await client.call("test_simple_text")).toContain("simple text response");
      await killMcp(luna);
      await until(async () => (await client.call("test_simple_text")).includes("simple text"));
      expect(await client.names()).toContain("test_simple_text");
      // What the client said of itself at the beginning is still known.
      expect(await client.call("test_input_required_result_elicitation")).toContain("Hello, Ada!");
    });

    test("goes on after the whole of Luna ended and started again", async () => {
      const client = await connect();
      expect(await client.call("test_simple_text")).toContain("simple text response");
      luna = await restarted(luna);
      expect(await client.call("test_simple_text")).toContain("simple text response");
      expect(await client.names()).toContain("test_simple_text");
      expect(await client.call("test_input_required_result_elicitation")).toContain("Hello, Ada!");
    });
  });
}
