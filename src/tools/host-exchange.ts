/** One HTTP exchange with a tool host, and what can become of it. */
import type { z } from "zod";
import {
  HOST_EVENTS_TYPE,
  type HostAnswer,
  type HostCall,
  type HostCancel,
  type HostCompletion,
  HostEnd,
  HostEvent,
  Suggestions,
} from "../contract/tool-call.ts";
import { messageOf } from "../lib/errors.ts";
import { linesOf } from "./host-lines.ts";
import type { HostSocket } from "./host-socket.ts";

/** How long a host that is not blocked may take to say so. */
const PROBE_TIMEOUT_MS = 1_000;
const SETTLE_TIMEOUT_MS = 1_000;
const SETTLE_INTERVAL_MS = 5;
/** A host answers at once, and stops its own work after as long. */
const COMPLETION_TIMEOUT_MS = 6_000;

export type Exchange =
  | { kind: "answer"; end: HostEnd }
  /** The call that was to go on does not wait for answers any more. */
  | { kind: "forgotten" }
  /** Nobody listens: the call was certainly not delivered. */
  | { kind: "not-connected" }
  /** The connection broke: the call may have been carried out, in part or in whole. */
  | { kind: "lost"; code: string }
  /** No answer in time. */
  | { kind: "silent" }
  /** An answer that no tool host gives. */
  | { kind: "unreadable"; why: string };

/** What an exchange begins with. */
export type HostRequest = { path: "/call"; body: HostCall } | { path: "/answer"; body: HostAnswer };

interface ExchangeOptions {
  timeoutMs: number;
  answerBytesMax: number;
  /** The caller's; its abort is thrown. */
  signal: AbortSignal | undefined;
  /** Told of what comes before the end. */
  onEvent: ((event: HostEvent) => void) | undefined;
}

const NOT_CONNECTED: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED"]);

function hostRequest(socket: HostSocket, signal: AbortSignal) {
  return {
    unix: socket.path,
    signal,
    // A pooled connection may belong to a host that ended: only a fresh one tells delivered from not.
    keepalive: false,
    // Bun's own limit on a quiet connection is shorter than a tool may be.
    timeout: false,
    // The other side runs foreign code: it may neither send us elsewhere nor inflate its answer.
    redirect: "manual",
    decompress: false,
  } as const satisfies BunFetchRequestInit;
}

function posted(socket: HostSocket, body: unknown, signal: AbortSignal) {
  return {
    ...hostRequest(socket, signal),
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

const UNREADABLE = { kind: "unreadable", why: "it is not a tool's result" } as const;

function endIn(text: string): Exchange {
  try {
    return { kind: "answer", end: HostEnd.parse(JSON.parse(text)) };
  } catch {
    return UNREADABLE;
  }
}

/** Events until the line that is none: that is the end. */
async function readEvents(
  body: ReadableStream<Uint8Array>,
  { answerBytesMax, onEvent }: ExchangeOptions,
): Promise<Exchange> {
  for await (const line of linesOf(body, answerBytesMax)) {
    if (line === undefined) return { kind: "unreadable", why: "it is too large" };
    if (!line.startsWith('{"event":')) return endIn(line);
    let event: HostEvent;
    try {
      event = HostEvent.parse(JSON.parse(line));
    } catch {
      return UNREADABLE;
    }
    onEvent?.(event);
  }
  // As when the connection breaks before an answer came.
  return { kind: "lost", code: "the stream ended" };
}

async function readAnswer(response: Response, options: ExchangeOptions): Promise<Exchange> {
  if (response.status === 200 && response.headers.get("Content-Type") === HOST_EVENTS_TYPE) {
    return response.body === null ? UNREADABLE : readEvents(response.body, options);
  }
  const length = Number(response.headers.get("Content-Length") ?? Number.POSITIVE_INFINITY);
  if (response.status !== 200 || length > options.answerBytesMax) {
    await response.body?.cancel();
    if (response.status === 404) return { kind: "forgotten" };
    const why = response.status === 200 ? "it is too large" : `its status is ${response.status}`;
    return { kind: "unreadable", why };
  }
  return endIn(await response.text());
}

/** Sends `request` to the host at `socket`; never sends it twice. */
export async function exchange(
  socket: HostSocket,
  { path, body }: HostRequest,
  options: ExchangeOptions,
): Promise<Exchange> {
  const { signal } = options;
  const ending = new AbortController();
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    ending.abort();
  }, options.timeoutMs);
  const onAbort = (): void => ending.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    const response = await fetch(`http://localhost${path}`, posted(socket, body, ending.signal));
    return await readAnswer(response, options);
  } catch (error) {
    signal?.throwIfAborted();
    if (silent) return { kind: "silent" };
    const code = codeOf(error);
    return NOT_CONNECTED.has(code) ? { kind: "not-connected" } : { kind: "lost", code };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Tells a host that nobody is going to answer what a call asked; one that has ended knows. */
export async function sendCancel(
  socket: HostSocket,
  body: z.input<typeof HostCancel>,
): Promise<void> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch("http://localhost/cancel", posted(socket, body, signal));
    await response.body?.cancel();
  } catch {
    // The call ends with its host, or by its own limit.
  }
}

/** Suggestions of the host at `socket`, or why there are none. */
export async function askCompletion(
  socket: HostSocket,
  body: HostCompletion,
): Promise<{ values: string[] } | { wrong: string; isConnected: boolean }> {
  try {
    const signal = AbortSignal.timeout(COMPLETION_TIMEOUT_MS);
    const response = await fetch("http://localhost/complete", posted(socket, body, signal));
    return Suggestions.parse(await response.json());
  } catch (error) {
    return { wrong: messageOf(error), isConnected: !NOT_CONNECTED.has(codeOf(error)) };
  }
}

type Vitality = "responsive" | "gone" | "unclear";

async function vitalityOf(socket: HostSocket): Promise<Vitality> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch("http://localhost/healthz", hostRequest(socket, signal));
    await response.body?.cancel();
    return response.ok ? "responsive" : "unclear";
  } catch (error) {
    return NOT_CONNECTED.has(codeOf(error)) ? "gone" : "unclear";
  }
}

/** Whether the host at `socket` still takes requests: one whose event loop is blocked does not. */
export async function isResponsive(socket: HostSocket): Promise<boolean> {
  return (await vitalityOf(socket)) === "responsive";
}

/**
 * Waits, after a connection broke, until it is clear whether the host lives. A process that is being
 * killed loses its connections before its socket: a call sent in between would be lost as well.
 */
export async function settle(socket: HostSocket): Promise<void> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS;
  while ((await vitalityOf(socket)) === "unclear" && Date.now() < deadline) {
    await Bun.sleep(SETTLE_INTERVAL_MS);
  }
}
