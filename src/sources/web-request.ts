/** One GET over the web with a bound for everything: redirects, time, silence; and a secret that stays with its host. */
import { messageOf, UpstreamError } from "../lib/errors.ts";

export interface WebBounds {
  /** Until the answer's headers are there, redirects included. */
  answer_ms: number;
  /** Without a further byte of the body. */
  silence_ms: number;
  /** For all of it. */
  total_ms: number;
}

interface WebRequest {
  headers?: Readonly<Record<string, string>>;
  /** Sent to the host of the first address, and to no other that it leads to. */
  secretHeaders?: Readonly<Record<string, string>> | undefined;
  bounds: WebBounds;
  signal?: AbortSignal | undefined;
}

const REDIRECTS_MAX = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])$/;
const USER_AGENT = "Luna";

/** An error of the way there, after which the same may be asked again. */
export class WayError extends UpstreamError {}

/** Where a redirect leads. What is reached over the internet leads neither to this machine nor to plain http. */
function nextAddress(from: URL, response: Response): URL {
  const location = response.headers.get("Location") ?? "";
  const to = location !== "" && URL.canParse(location, from) ? new URL(location, from) : undefined;
  const isOpen = to?.protocol === "https:" && !LOOPBACK.test(to.hostname);
  const staysHere = to !== undefined && /^https?:$/.test(to.protocol) && LOOPBACK.test(to.hostname);
  const isFine = isOpen || (staysHere && LOOPBACK.test(from.hostname));
  if (to === undefined || !isFine || to.username !== "" || to.password !== "") {
    throw new UpstreamError(
      `Cannot fetch "${from.host}${from.pathname}": it leads to an address that is not https://`,
    );
  }
  return to;
}

/** What the runtime says of a broken connection, as a person would. */
function wayError(url: URL, cause: unknown): WayError {
  const text = `Cannot reach "${url.host}": ${messageOf(cause)}; is this machine online?`;
  return new WayError(text, { cause });
}

export interface WebAnswer {
  response: Response;
  /** The body piece by piece. @throws WayError when it stalls or breaks off */
  pieces(): AsyncIterable<Uint8Array>;
}

/** Ends `controller` when nobody feeds it in time. */
class Watchdog {
  readonly #controller: AbortController;
  #timer: Timer | undefined;

  constructor(controller: AbortController) {
    this.#controller = controller;
  }

  feed(ms: number, why: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(new Error(why)), ms);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }
}

interface Reading {
  url: URL;
  watchdog: Watchdog;
  /** By time, or by whoever asked. */
  ended: AbortSignal;
  request: WebRequest;
}

async function* piecesOf(
  response: Response,
  { url, watchdog, ended, request }: Reading,
): AsyncGenerator<Uint8Array> {
  const { bounds, signal } = request;
  const silence = `nothing came for ${bounds.silence_ms / 1000} s`;
  const announced = Number(response.headers.get("Content-Length") ?? Number.NaN);
  // An encoded body has another length than the one that is read here.
  const isPlain = !response.headers.has("Content-Encoding");
  let bytes = 0;
  try {
    watchdog.feed(bounds.silence_ms, silence);
    for await (const piece of response.body ?? []) {
      watchdog.feed(bounds.silence_ms, silence);
      bytes += piece.byteLength;
      yield piece;
      ended.throwIfAborted();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw wayError(url, ended.aborted ? ended.reason : cause);
  } finally {
    watchdog.rest();
  }
  if (isPlain && announced > bytes) {
    throw wayError(url, new Error(`the connection broke off after ${bytes} of ${announced} bytes`));
  }
}

/**
 * Follows redirects and answers with whatever the last address says, errors included.
 * @throws WayError when nobody answers in time · UpstreamError when it leads where it should not · the signal's reason
 */
export async function webGet(address: string, request: WebRequest): Promise<WebAnswer> {
  const { headers, secretHeaders, bounds, signal } = request;
  const controller = new AbortController();
  const watchdog = new Watchdog(controller);
  const limits = [controller.signal, AbortSignal.timeout(bounds.total_ms)];
  const ended = AbortSignal.any(signal === undefined ? limits : [...limits, signal]);
  const first = new URL(address);
  let url = first;
  watchdog.feed(bounds.answer_ms, `no answer came within ${bounds.answer_ms / 1000} s`);
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const own = url.origin === first.origin ? secretHeaders : undefined;
    let response: Response;
    try {
      response = await fetch(url, {
        headers: { "User-Agent": USER_AGENT, ...headers, ...own },
        redirect: "manual",
        signal: ended,
      });
    } catch (cause) {
      watchdog.rest();
      signal?.throwIfAborted();
      throw wayError(url, ended.aborted ? ended.reason : cause);
    }
    if (!REDIRECTS.has(response.status)) {
      const reading = { url, watchdog, ended, request };
      return { response, pieces: () => piecesOf(response, reading) };
    }
    await response.body?.cancel();
    try {
      url = nextAddress(url, response);
    } catch (error) {
      watchdog.rest();
      throw error;
    }
  }
  watchdog.rest();
  throw new UpstreamError(`Cannot fetch "${first.host}${first.pathname}": it redirects for ever`);
}

/** The beginning of a body as text, for what says more than a status. */
export async function textOf(answer: WebAnswer, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const piece of answer.pieces()) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) {
      throw new UpstreamError(`Cannot read "${answer.response.url}": it is over ${bytesMax} bytes`);
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text;
}
