/** Requests to an MCP server, and to what it names for signing in: its headers are for it alone, and it opens no way into this network. */
import type { FetchLike } from "@modelcontextprotocol/client";
import { VERSION } from "../config/version.ts";
import { isPublicHost, type Network, requestPublic } from "../lib/public-request.ts";

/** Of what is said about signing in; MCP's own answers have the limits of calls. */
const BYTES_MAX = 1024 * 1024;
const TIMEOUT_MS = 10_000;

interface UpstreamFetchOptions {
  /** Of the server. */
  url: string;
  /** What each request to it has, and none to anybody else. */
  headers?: Readonly<Record<string, string>>;
  network?: Network | undefined;
}

/** Those of the client win. */
function headersOf(init: RequestInit, own: Readonly<Record<string, string>>) {
  const all = new Headers(own);
  for (const [name, value] of new Headers(init.headers)) all.set(name, value);
  return Object.fromEntries(all);
}

/**
 * `fetch` for the SDK's client of one server. Whatever else it asks (metadata, registration, tokens), the server has named:
 * a server on the internet names nothing that is not there, too; one in the owner's own network may name what it likes.
 */
export function upstreamFetch(options: UpstreamFetchOptions): FetchLike {
  const { network } = options;
  const { origin, hostname } = new URL(options.url);
  return async (input, init = {}) => {
    const url = new URL(input);
    if (url.origin === origin) {
      return fetch(url, { ...init, headers: headersOf(init, options.headers ?? {}) });
    }
    if (!(await isPublicHost(hostname, network))) {
      return fetch(url, { ...init, signal: init.signal ?? AbortSignal.timeout(TIMEOUT_MS) });
    }
    const { method = "GET", body } = init;
    const answered = await requestPublic(url, {
      ...{ method, bytesMax: BYTES_MAX, timeoutMs: TIMEOUT_MS, network },
      headers: headersOf(init, { "User-Agent": `Luna/${VERSION}` }),
      body: body === undefined || body === null ? undefined : String(body),
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(answered.headers)) {
      for (const one of [value ?? []].flat()) headers.append(name, one);
    }
    return new Response(answered.body || null, { status: answered.status, headers });
  };
}
