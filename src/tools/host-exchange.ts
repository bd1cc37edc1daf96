/** One HTTP exchange with a tool host, and what can become of it. */
import { type ToolCall, ToolResult } from "../contract/tool.ts";
import type { HostSocket } from "./host-socket.ts";

/** How long a host that is not blocked may take to say so. */
const PROBE_TIMEOUT_MS = 1_000;
const SETTLE_TIMEOUT_MS = 1_000;
const SETTLE_INTERVAL_MS = 5;

export type Exchange =
  | { kind: "answer"; result: ToolResult }
  /** Nobody listens: the call was certainly not delivered. */
  | { kind: "not-connected" }
  /** The connection broke: the call may have been carried out, in part or in whole. */
  | { kind: "lost"; code: string }
  /** No answer in time. */
  | { kind: "silent" }
  /** An answer that no tool host gives. */
  | { kind: "unreadable"; why: string };

interface ExchangeOptions {
  timeoutMs: number;
  answerBytesMax: number;
  /** The caller's; its abort is thrown. */
  signal: AbortSignal | undefined;
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

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

async function readAnswer(response: Response, bytesMax: number): Promise<Exchange> {
  const length = Number(response.headers.get("Content-Length") ?? Number.POSITIVE_INFINITY);
  if (response.status !== 200 || length > bytesMax) {
    await response.body?.cancel();
    const why = response.status === 200 ? "it is too large" : `its status is ${response.status}`;
    return { kind: "unreadable", why };
  }
  const text = await response.text();
  try {
    return { kind: "answer", result: ToolResult.parse(JSON.parse(text)) };
  } catch {
    return { kind: "unreadable", why: "it is not a tool's result" };
  }
}

/** Sends `call` to the host at `socket`; never sends it twice. */
export async function exchange(
  socket: HostSocket,
  call: ToolCall,
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
    const response = await fetch("http://localhost/call", {
      ...hostRequest(socket, ending.signal),
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(call),
    });
    return await readAnswer(response, options.answerBytesMax);
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
