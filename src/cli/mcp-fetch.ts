/** The bridge's way to Luna: brings the owner's token, outlasts a restart, and says in words what went wrong. */
import { z } from "zod";
import { messageOf, UnavailableError, UpstreamError } from "../lib/errors.ts";

/** How long a restart of the MCP service may take before a request fails. */
const RECONNECT_MS = 5_000;
const RETRY_INTERVAL_MS = 200;

/** Luna's errors and JSON-RPC's have this in common. */
const Refusal = z.looseObject({ error: z.looseObject({ message: z.string() }) });

interface LunaFetchOptions {
  /** Read for every request: Luna may be set up, or get new keys, while this runs. */
  token(): Promise<string>;
  /** The command that starts Luna, for the message when it does not run. */
  startCommand: string;
  reconnectMs?: number;
}

/** Nobody listens: the request was not delivered, so another attempt cannot do a thing twice. */
function isRefused(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ConnectionRefused" || code === "ECONNREFUSED";
}

async function refusalOf(response: Response): Promise<UpstreamError> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const message = Refusal.safeParse(body).data?.error.message;
  return new UpstreamError(message ?? `Cannot use Luna's MCP service: it said ${response.status}`);
}

/** A `fetch` for the SDK's transport that throws what a person can act on. */
export function lunaFetch({ token, startCommand, reconnectMs = RECONNECT_MS }: LunaFetchOptions) {
  return async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const deadlineMs = performance.now() + reconnectMs;
    for (;;) {
      const headers = new Headers(init.headers);
      headers.set("Authorization", `Bearer ${await token()}`);
      try {
        // Bun gives up after five minutes by itself; how long a tool may take is the tool's to say.
        const response = await fetch(url, { ...init, headers, timeout: false });
        // The transport knows 405: there is no stream to open.
        if (response.ok || response.status === 405) return response;
        throw await refusalOf(response);
      } catch (error) {
        if (!isRefused(error)) throw error;
        if (performance.now() > deadlineMs || init.signal?.aborted === true) {
          const { host } = new URL(url);
          throw new UnavailableError(
            `Cannot reach Luna at ${host} (${messageOf(error)}): start Luna with "${startCommand}"`,
            { cause: error },
          );
        }
        await Bun.sleep(RETRY_INTERVAL_MS);
      }
    }
  };
}
