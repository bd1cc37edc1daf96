/** The OpenAPI documents of the compiled Luna: where they are, who gets them, and whether real answers are what they say. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { validate } from "@readme/openapi-parser";
import { type ApiDocument, type ApiOperation, readApiDocument } from "../support/api-document.ts";
import { makeZip } from "../support/archives.ts";
import { freePort } from "../support/edge.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { pageDefinition } from "../support/services.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const NAME = "documented";
/** Of a key that is changed, and of one that is revoked. */
const [KEY_ID, REVOKED_ID] = ["0123456789abcdef", "fedcba9876543210"];
const apiKey = (id: string) => ({
  id,
  name: `of the home's files, ${id}`,
  key_hash: "0".repeat(64),
  key_hint: "0000",
  created_at: "2026-01-01T00:00:00.000Z",
  scopes: { agents: "all", mcp_servers: [], tools: "all", read_only: false },
});
const API_KEYS = { keys: { [KEY_ID]: apiKey(KEY_ID), [REVOKED_ID]: apiKey(REVOKED_ID) } };

const RUN = { id: "0190a000-0000-7000-8000-000000000001" };
const at = "2026-01-01T00:00:00.000Z";
const JOURNAL = [
  { at, event: "run", id: RUN.id, by: "owner", operations: [{ type: "enable", target: "served" }] },
  { at, event: "attempt", attempt: 1 },
  { at, event: "step", unit: 0, step: "configure" },
  { at, event: "unit", unit: 0, state: "done" },
  { at, event: "end", state: "done" },
];

let llm: LlmStandIn;
let luna: Luna;
let session: string;
beforeAll(async () => {
  llm = startLlmStandIn();
  luna = await startLuna({
    environment: { OPENAI_BASE_URL: llm.url },
    files: {
      ".luna/api_keys.json": JSON.stringify(API_KEYS),
      [`.luna/runs/${RUN.id}.jsonl`]: JOURNAL.map((event) => `${JSON.stringify(event)}\n`).join(""),
      "extensions/served/services/web/start.sh": "#!/bin/sh\nexec sleep 600\n",
    },
  });
  session = await luna.signIn();
  await until(async () => (await (await luna.control("/tools/all")).text()).includes("NOTES_GET"));
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await llm.stop();
});

interface Api {
  name: "supervisor" | "agent";
  /** The address and a credential. */
  direct(): [string, Record<string, string>];
  public: string;
}

const APIS: Api[] = [
  {
    name: "supervisor",
    direct: () => [
      `http://127.0.0.1:${luna.ports.supervisor}`,
      { Authorization: `Bearer ${luna.credentials.supervisorToken}` },
    ],
    public: "/api/supervisor",
  },
  {
    name: "agent",
    direct: () => [
      `http://127.0.0.1:${luna.ports.agent}`,
      { Authorization: `Bearer ${luna.credentials.agentKey}` },
    ],
    public: "/api/agent",
  },
];

/** What is sent where a request without anything would be refused. */
interface Example {
  path?: Record<string, string>;
  body?: unknown;
  form?: Record<string, Blob>;
  headers?: Record<string, string>;
  /** Only a person who is signed in may. */
  atEdge?: true;
  /** Of the answer, where it is not 200. */
  status?: number;
  /** What has to be there, which is made right before. */
  prepare?(): void;
}

const SERVED = { extension: "served", service: "web" };
const QUEUE = { operations: [{ type: "disable", target: "served" }] };
const PAGE = { name: "page" };

function failQueue(): void {
  writeFileSync(luna.paths.updateQueueFailed, JSON.stringify({ ...QUEUE, reasons: ["planted"] }));
}

const EXAMPLES: Record<string, Example> = {
  post_keys_set: { body: { key: "DOCUMENTED", value: "value" } },
  post_keys_reveal: { body: { key: "DOCUMENTED" }, atEdge: true },
  post_keys_delete: { body: { key: "DOCUMENTED" } },
  post_keys_upload_env: { form: { file: new Blob(["UPLOADED=value\n"]) } },
  post_extensions_upload: {
    form: { file: new Blob([new Uint8Array(makeZip([{ name: "tools/a_tools.ts" }]))]) },
  },
  post_mcp_doctor: { body: { clients: ["cursor"] } },
  post_mcp_servers_create: { body: { name: NAME } },
  post_mcp_servers_name_regenerate_key: { path: { name: NAME } },
  get_mcp_servers_name_tools: { path: { name: NAME } },
  patch_mcp_servers_name: { path: { name: NAME }, body: { enabled: true } },
  delete_mcp_servers_name: { path: { name: NAME } },
  post_services_name_stop: { path: { name: "hub" } },
  post_services_name_start: { path: { name: "hub" } },
  post_services_name_restart: { path: { name: "hub" } },
  post_extensions_name_reload: { path: { name: "notes" }, body: { parts: ["tools"] } },
  post_tools_execute_tool: { path: { tool: "NOTES_GET_all" }, body: {} },
  get_v1_models_id: { path: { id: "simple_agent" } },
  post_api_keys: { body: { name: NAME, scopes: { agents: "all" } } },
  patch_api_keys_id: { path: { id: KEY_ID }, body: { name: "changed" } },
  post_api_keys_id_rotate: { path: { id: KEY_ID } },
  delete_api_keys_id: { path: { id: REVOKED_ID } },
  post_agents_regenerate_key: { body: { grace_s: 3600 } },
  get_config_extension_name: { path: { name: "notes" } },
  patch_config_master: { body: { luna: { timezone: "UTC" } } },
  patch_config_master_extensions_name: { path: { name: "notes" }, body: {} },
  patch_config_master_tool_tool: { path: { tool: "NOTES_GET_all" }, body: {} },
  post_service_keys_extension_service: { path: SERVED },
  get_service_keys_extension_service: { path: SERVED },
  post_service_keys_extension_service_regenerate: { path: SERVED },
  delete_service_keys_extension_service: { path: SERVED },
  post_queue_preview: { body: QUEUE },
  post_queue_failed_retry: { prepare: failQueue },
  delete_queue_current: {},
  post_queue_failed_discard: { prepare: failQueue },
  post_queue_save: { body: QUEUE },
  post_queue_apply: { body: {}, status: 202 },
  get_runs_id: { path: RUN },
  get_runs_id_events: { path: RUN },
  post_api_external_services_upload: {
    body: { service_definition: pageDefinition(PAGE.name, freePort()) },
  },
  post_api_external_services_name_install: {
    path: PAGE,
    body: { config: { secret: "documented", message: "documented" } },
  },
  post_api_external_services_name_stop: { path: PAGE },
  post_api_external_services_name_start: { path: PAGE },
  post_api_external_services_name_restart: { path: PAGE },
  post_api_external_services_name_enable: { path: PAGE },
  post_api_external_services_name_disable: { path: PAGE },
  get_api_external_services_name: { path: PAGE },
  get_api_external_services_name_status: { path: PAGE },
  get_api_external_services_name_logs: { path: PAGE },
  post_api_external_services_name_uninstall: { path: PAGE, body: {} },
  delete_api_external_services_name: { path: PAGE },
  // Last of all: it takes away what the others have made.
  put_config_master: { body: {}, headers: { "If-Match": "*" } },
  post_v1_chat_completions: { body: { messages: [{ role: "user", content: "Hello" }] } },
};

/** Operations that are no exchange of JSON, or that the test's credential does not open, and why. */
const ELSEWHERE: Record<string, string> = {
  get_live: "a WebSocket",
  post_tool_hosts_extension_start: "asks for the token of Luna's own processes",
  post_api_key_uses: "asks for the token of Luna's own processes",
  post_shutdown: "ends this Luna",
  post_restart: "starts this Luna anew",
  post_tool_hosts_extension_stop: "asks for the token of Luna's own processes",
};

/** What they answer is somebody else's, and may have any members. */
const ANYTHING = ["get_openapi_json", "get_config_extension_name"];

async function documentOf(address: string, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(`${address}/openapi.json`, { headers });
  expect(response.status).toBe(200);
  return response.json();
}

/** What a request of the Hub's own page brings along. */
async function ownPage(): Promise<Record<string, string>> {
  const page = await luna.pageToken(session);
  return { Cookie: session, Origin: luna.url, "X-Luna-Page": page };
}

function contentOf({ body, form }: Example): { headers?: Record<string, string>; body?: BodyInit } {
  if (form !== undefined) {
    const data = new FormData();
    for (const [name, part] of Object.entries(form)) data.append(name, part, name);
    return { body: data };
  }
  if (body === undefined) return {};
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

async function call(api: Api, operation: ApiOperation, document: ApiDocument) {
  const example = EXAMPLES[operation.operationId] ?? {};
  const { path = {}, atEdge } = example;
  example.prepare?.();
  const [address, headers] =
    atEdge === true ? [luna.url + api.public, await ownPage()] : api.direct();
  const filled = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => path[name] ?? "none");
  const content = contentOf(example);
  const response = await fetch(address + filled, {
    ...content,
    method: operation.method,
    headers: { ...headers, ...content.headers, ...example.headers },
  });
  const { status } = response;
  const type = response.headers.get("Content-Type") ?? "";
  const answer = { status, type, body: await response.json() };
  return { status, fault: document.fault(operation, answer) };
}

describe.each(APIS)("the $name API's document", (api) => {
  test("is valid, and the same on its own port and at the edge", async () => {
    const own = await documentOf(...api.direct());
    expect(await validate(JSON.parse(JSON.stringify(own)))).toMatchObject({ valid: true });
    expect(await documentOf(luna.url + api.public, { Cookie: session })).toEqual(own);
  });

  test("is for those alone who may use the API", async () => {
    const [address] = api.direct();
    for (const place of [address, luna.url + api.public]) {
      expect((await fetch(`${place}/openapi.json`)).status).toBe(401);
    }
  });

  test("holds for real answers, and a wrong one is told", async () => {
    const document = readApiDocument(await documentOf(...api.direct()));
    const answers: string[] = [];
    const expected: string[] = [];
    const order = Object.keys(EXAMPLES);
    const operations = document.operations.toSorted(
      (one, other) => order.indexOf(one.operationId) - order.indexOf(other.operationId),
    );
    for (const operation of operations) {
      if (operation.operationId in ELSEWHERE) continue;
      const { operationId } = operation;
      const { status, fault } = await call(api, operation, document);
      answers.push(`${operationId} ${status}${fault === undefined ? "" : `: ${fault}`}`);
      expected.push(`${operationId} ${EXAMPLES[operationId]?.status ?? 200}`);
      const wrong = { status: 200, type: "application/json", body: { planted: true } };
      if (!ANYTHING.includes(operationId)) {
        expect(document.fault(operation, wrong)).toBeDefined();
      }
    }
    expect(answers).toEqual(expected);
    expect(answers.length).toBeGreaterThan(4);
  });

  test("holds for refusals", async () => {
    const document = readApiDocument(await documentOf(...api.direct()));
    const [address] = api.direct();
    for (const operation of document.operations.filter(({ open }) => !open)) {
      const { method, path } = operation;
      const response = await fetch(address + path.replace(/\{\w+\}/g, "none"), { method });
      const type = response.headers.get("Content-Type") ?? "";
      const answer = { status: response.status, type, body: await response.json() };
      expect(answer.status).toBe(401);
      expect(document.fault(operation, answer)).toBeUndefined();
    }
  });
});
