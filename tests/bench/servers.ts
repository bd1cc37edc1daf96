/** The servers that Luna is compared with, each in a process of its own so that its time can be told apart. */
import { resolve } from "node:path";
import { startLlmStandIn } from "../support/llm-stand-in.ts";
import { ANSWER, ASK_TOOL, clockMs, TOOL, TOOL_ARGUMENTS } from "./requests.ts";

export type ServerKind = "model" | "bare";

const START_TIMEOUT_MS = 10_000;
/** A stream of this many tokens at this pace lasts longer than the first token may take. */
const TOKENS = 8;
const TOKEN_GAP_MS = 3;
const BARE_ANSWER = { ok: true };

/** Each token is the time at which it was sent. */
async function* tokens(): AsyncGenerator<string> {
  for (let token = 0; token < TOKENS; token += 1) {
    if (token > 0) await Bun.sleep(TOKEN_GAP_MS);
    yield `${clockMs()} `;
  }
}

function serveModel(): string {
  const model = startLlmStandIn({ record: false });
  model.otherwise(({ body }) => {
    const last = body.messages.at(-1);
    if (last?.role === "tool") return { text: ANSWER };
    if (JSON.stringify(last?.content).includes(ASK_TOOL)) {
      return { tool_calls: [{ name: TOOL, arguments: TOOL_ARGUMENTS }] };
    }
    return body.stream === true ? { tokens: tokens() } : { text: ANSWER };
  });
  return model.url;
}

function serveBare(): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch: () => Response.json(BARE_ANSWER),
  });
  return `http://127.0.0.1:${server.port}`;
}

/** The child's side: serves, tells its address, and ends with its parent, however that ends. */
export async function serveUntilParentEnds(kind: ServerKind): Promise<never> {
  process.stdout.write(`${kind === "model" ? serveModel() : serveBare()}\n`);
  await Bun.stdin.text();
  process.exit(0);
}

export interface Server {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** The parent's side. */
export async function startServer(kind: ServerKind): Promise<Server> {
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, "main.ts"), kind], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const late = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  clearTimeout(late);
  if (value === undefined) throw new Error(`The ${kind} server did not start`);
  return {
    url: new TextDecoder().decode(value).trim(),
    pid: child.pid,
    stop: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}
