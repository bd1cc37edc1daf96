/** The requests that the arms send, alike for Luna and for the model itself, and how their answers are timed. */
import { z } from "zod";

/** What the model is asked; its stand-in knows the second by its words. */
const ASK_TEXT = "Say good morning.";
export const ASK_TOOL = "Search my notes for the birch.";
export const ANSWER = "Good morning. The birch is at the cabin, behind the red gate.";

export const TOOL = "NOTES_GET_search";
export const TOOL_ARGUMENTS = { query: "birch" };

const CALL_ID = "call_bench";
const MODEL = "simple_agent";
const TIMEOUT_MS = 10_000;

type Message = Record<string, unknown>;

const asked = (content: string): Message[] => [{ role: "user", content }];
const answered: Message[] = [
  ...asked(ASK_TOOL),
  {
    role: "assistant",
    content: null,
    tool_calls: [
      {
        id: CALL_ID,
        type: "function",
        function: { name: TOOL, arguments: JSON.stringify(TOOL_ARGUMENTS) },
      },
    ],
  },
  { role: "tool", tool_call_id: CALL_ID, content: '{"total":1}' },
];

export const chatBody: string = JSON.stringify({ model: MODEL, messages: asked(ASK_TEXT) });
const streamBody: string = JSON.stringify({
  model: MODEL,
  messages: asked(ASK_TEXT),
  stream: true,
});
export const toolChatBody: string = JSON.stringify({ model: MODEL, messages: asked(ASK_TOOL) });
/** What an agent sends after the tool has run, for the model called directly. */
export const toolAnsweredBody: string = JSON.stringify({ model: MODEL, messages: answered });
export const mcpCallBody: string = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: TOOL, arguments: TOOL_ARGUMENTS },
});

export interface Target {
  url: string;
  headers?: Record<string, string>;
}

async function send({ url, headers }: Target, body?: string): Promise<Response> {
  const response = await fetch(url, {
    ...(body === undefined ? {} : { method: "POST", body }),
    headers: {
      Accept: "application/json, text/event-stream",
      "Content-Type": "application/json",
      ...headers,
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}

/** Milliseconds of one exchange; `proof` must be in its answer, or nothing was measured. */
export async function timeExchange(
  target: Target,
  { body, proof }: { body?: string; proof: string },
): Promise<number> {
  const began = performance.now();
  const text = await (await send(target, body)).text();
  const ms = performance.now() - began;
  if (!text.includes(proof)) throw new Error(`${target.url} answered something else: ${text}`);
  return ms;
}

/** Wall-clock milliseconds with fractions, comparable between processes of one machine. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

const SentAt = z.coerce.number().positive();

interface FirstToken {
  /** From the request to the first token. */
  afterRequestMs: number;
  /** From the model's sending to our receiving; the token itself tells when it was sent. */
  afterSendingMs: number;
}

/** Reads one streamed answer to its end. */
export async function timeStream(target: Target): Promise<FirstToken> {
  const began = performance.now();
  const response = await send(target, streamBody);
  const decoder = new TextDecoder();
  let text = "";
  let first: FirstToken | undefined;
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (first !== undefined) continue;
    const token = /"content":"([\d.]+) /.exec(text)?.[1];
    if (token === undefined) continue;
    first = {
      afterRequestMs: performance.now() - began,
      afterSendingMs: clockMs() - SentAt.parse(token),
    };
  }
  if (first === undefined || !text.includes("data: [DONE]")) {
    throw new Error(`${target.url} streamed something else: ${text}`);
  }
  return first;
}
