/** Asks as an MCP client does, once, and tells what came back: Luna's answer, another's, or none. */
import { lookup } from "node:dns/promises";
import { messageOf } from "../lib/errors.ts";

const TIMEOUT_MS = 15_000;
const BODY_BYTES_MAX = 1_048_576;

export interface Answer {
  kind: "answer";
  url: URL;
  status: number;
  headers: Headers;
  text: string;
  /** What the text says as JSON, or as the first event of a stream; undefined when it is neither. */
  json: unknown;
}

export type Asked =
  | Answer
  | { kind: "no_name"; url: URL; why: string }
  | { kind: "no_connection"; url: URL; why: string }
  | { kind: "bad_certificate"; url: URL; why: string }
  | { kind: "no_answer_in_time"; url: URL };

/** Errors of TLS as OpenSSL and Bun name them. */
const OF_CERTIFICATES = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|ALTNAME|TLS/;

function jsonIn(text: string): unknown {
  const event = /^data: ?(\{.*)$/m.exec(text)?.[1];
  try {
    return JSON.parse(event ?? text);
  } catch {
    return undefined;
  }
}

/** No more than so much of a body, whoever sends it; a stream that stays open is read until its first event. */
async function textOf(response: Response): Promise<string> {
  const isStream = response.headers.get("Content-Type")?.includes("event-stream") === true;
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > BODY_BYTES_MAX || (isStream && /^data: ?\{.*\n\n/m.test(text))) break;
  }
  return text;
}

async function nameFault(url: URL): Promise<string | undefined> {
  try {
    await lookup(url.hostname.replace(/^\[|\]$/g, ""));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

export async function askAs(
  userAgent: string,
  address: string | URL,
  init: RequestInit = {},
): Promise<Asked> {
  const url = new URL(address);
  const headers = new Headers(init.headers);
  headers.set("User-Agent", userAgent);
  try {
    const response = await fetch(url, {
      ...init,
      headers,
      // A client that posts follows no redirect with what it posted, and neither does this.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await textOf(response);
    const { status } = response;
    return { kind: "answer", url, status, headers: response.headers, text, json: jsonIn(text) };
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      return { kind: "no_answer_in_time", url };
    }
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const why = messageOf(error);
    if (OF_CERTIFICATES.test(code)) return { kind: "bad_certificate", url, why: code };
    const noName = await nameFault(url);
    if (noName !== undefined) return { kind: "no_name", url, why: noName };
    return { kind: "no_connection", url, why: code || why };
  }
}
