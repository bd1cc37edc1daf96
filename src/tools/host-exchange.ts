/** What is asked of a tool host over its connection, what can become of it, and whether it lives. */
import {
  type HostAnswer,
  type HostCall,
  type HostCompletion,
  type HostEnd,
  Suggestions,
} from "../contract/tool-call.ts";
import { messageOf } from "../lib/errors.ts";
import {
  type Asking,
  endIn,
  type HostConnections,
  type Reply,
  UNREADABLE,
} from "./host-connection.ts";
import type { HostSocket } from "./host-socket.ts";

/** How long a host that is not blocked may take to say so. */
const PROBE_TIMEOUT_MS = 1_000;
const SETTLE_TIMEOUT_MS = 1_000;
const SETTLE_INTERVAL_MS = 5;
/** A host answers at once, and stops its own work after as long. */
const COMPLETION_TIMEOUT_MS = 6_000;
const SHORT_ANSWER_BYTES_MAX = 1_048_576;

export type Exchange =
  | { kind: "answer"; end: HostEnd }
  /** The call that was to go on does not wait for answers any more. */
  | { kind: "forgotten" }
  | Exclude<Reply, { kind: "reply" }>;

/** What an exchange begins with. */
export type HostRequest = { word: "call"; body: HostCall } | { word: "answer"; body: HostAnswer };

/** Sends `request` to the host at `socket`; never sends it twice. */
export async function exchange(
  connections: HostConnections,
  socket: HostSocket,
  asking: HostRequest & Omit<Asking, "word" | "body">,
): Promise<Exchange> {
  const reply = await connections.ask(socket, asking);
  if (reply.kind !== "reply") return reply;
  if (reply.word === "forgotten") return { kind: "forgotten" };
  if (reply.word === "refused") return { kind: "unreadable", why: "it refused the call" };
  const end = reply.word === "end" ? endIn(reply.json) : undefined;
  return end === undefined ? UNREADABLE : { kind: "answer", end };
}

/** Tells a host that nobody is going to answer what a call asked; one that has ended knows. */
export async function sendCancel(
  connections: HostConnections,
  socket: HostSocket,
  call: string,
): Promise<void> {
  const limits = { timeoutMs: PROBE_TIMEOUT_MS, answerBytesMax: SHORT_ANSWER_BYTES_MAX };
  // Whatever becomes of it: the call ends with its host, or by its own limit.
  await connections.ask(socket, { word: "cancel", body: { call }, ...limits });
}

/** Suggestions of the host at `socket`, or why there are none. */
export async function askCompletion(
  connections: HostConnections,
  socket: HostSocket,
  body: HostCompletion,
): Promise<{ values: string[] } | { wrong: string; isConnected: boolean }> {
  const limits = { timeoutMs: COMPLETION_TIMEOUT_MS, answerBytesMax: SHORT_ANSWER_BYTES_MAX };
  const reply = await connections.ask(socket, { word: "complete", body, ...limits });
  if (reply.kind !== "reply") {
    return { wrong: reply.kind, isConnected: reply.kind !== "not-connected" };
  }
  try {
    return Suggestions.parse(JSON.parse(reply.json));
  } catch (error) {
    return { wrong: messageOf(error), isConnected: true };
  }
}

type Vitality = "responsive" | "gone" | "unclear";

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED"]);

/** By a connection of its own: one that lasts would say more of the past than of now. */
async function vitalityOf(socket: HostSocket): Promise<Vitality> {
  try {
    const response = await fetch("http://localhost/healthz", {
      unix: socket.path,
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      keepalive: false,
      // The other side runs foreign code: it may neither send us elsewhere nor inflate its answer.
      redirect: "manual",
      decompress: false,
    });
    await response.body?.cancel();
    return response.ok ? "responsive" : "unclear";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return GONE.has(code) ? "gone" : "unclear";
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
