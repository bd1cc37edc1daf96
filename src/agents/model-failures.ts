/** What goes wrong with a model, in words that name what to fix, and without the key. */
import { z } from "zod";
import { messageOf } from "../lib/errors.ts";
import { redact } from "../lib/log.ts";
import type { ModelEndpoint } from "./model-endpoint.ts";
import { ModelError, type ModelFailure } from "./model-error.ts";

const CHECK_ADDRESS =
  "check that OPENAI_BASE_URL is the address of an OpenAI-compatible API (most end in /v1)";
/** More of a server's own words helps nobody. */
const QUOTE_CHARACTERS_MAX = 500;

/** OpenAI's error object, or the bare sentence that some servers send in its place. */
const ErrorWords = z.union([
  z.object({ message: z.string() }),
  z.string().transform((message) => ({ message })),
]);

/** What the `openai` package throws for an answer that is no success. */
const Answered = z.object({
  status: z.number(),
  headers: z.instanceof(Headers).optional().catch(undefined),
  code: z.string().nullish().catch(undefined),
  error: ErrorWords.optional().catch(undefined),
});
type Answered = z.infer<typeof Answered>;

/** What it throws for an error in the middle of a stream: there is no status any more. */
const ToldInStream = z.object({ error: z.object({ message: z.string() }) });

const REFUSED = new Set(["ConnectionRefused", "ECONNREFUSED"]);
const BROKEN = new Set(["ConnectionClosed", "ECONNRESET", "EPIPE"]);

/** The error and its causes, outermost first: libraries wrap what the server or the socket said. */
function chainOf(thrown: unknown): unknown[] {
  const chain = [thrown];
  for (let at = thrown; at instanceof Error && at.cause instanceof Error; at = at.cause) {
    chain.push(at.cause);
  }
  return chain;
}

function answered(failure: Answered, endpoint: ModelEndpoint, words: string): ModelFailure {
  const { status } = failure;
  const where = `the model server at ${endpoint.address}`;
  const said = words === "" ? "" : `: ${words}`;
  if (status === 401) {
    const fix = endpoint.key === "" ? "it wants a key" : "it refuses the key";
    return {
      code: "llm_unauthorized",
      status: 502,
      message: `Cannot use ${where}: ${fix} (401); set a valid OPENAI_API_KEY for it`,
    };
  }
  if (status === 403) {
    const message = `Cannot use ${where}: it forbids this (403)${said}; check what the OPENAI_API_KEY may do`;
    return { code: "llm_forbidden", status: 502, message };
  }
  if (status === 404) {
    const message = `Cannot use the model "${endpoint.model}": ${where} does not know it, or OPENAI_BASE_URL is not its API's address (404)${said}; set LLM_DEFAULT_MODEL to a model that it has`;
    return { code: "llm_model_not_found", status: 502, message };
  }
  if (status === 429) {
    const spent = failure.code === "insufficient_quota";
    return {
      code: spent ? "llm_quota_exceeded" : "llm_rate_limited",
      status: 429,
      message: `Cannot ask the model "${endpoint.model}" now: ${where} limits its use (429)${said}; ${spent ? "check the plan and its billing" : "try again later"}`,
      transient: !spent,
      retryAfter: failure.headers?.get("retry-after") ?? undefined,
    };
  }
  if (status === 408 || status === 504) {
    const message = `Cannot get an answer: ${where} took too long (${status})${said}`;
    return { code: "llm_timeout", status: 504, message, transient: true };
  }
  if (status >= 500) {
    const message = `Cannot get an answer: ${where} failed (${status})${said}`;
    return { code: "llm_failed", status: 502, message, transient: true };
  }
  const code = failure.code === "context_length_exceeded" ? failure.code : "llm_refused";
  const message = `Cannot get an answer: the model "${endpoint.model}" does not accept this request (${status})${said}`;
  return { code, status: 400, message };
}

/** An answer that ended before the model was done. */
export function brokenAnswer(endpoint: ModelEndpoint, began: boolean, cause?: string): ModelError {
  const where = `the model server at ${endpoint.address}`;
  if (began) {
    return new ModelError({
      code: "llm_stream_broken",
      status: 502,
      message: `Cannot finish the answer: ${where} broke off in the middle of it; try again`,
      cause,
      transient: true,
    });
  }
  const message = `Cannot read the answer of ${where}: there is no completion in it; ${CHECK_ADDRESS}`;
  return new ModelError({ code: "llm_bad_answer", status: 502, message, cause });
}

/** What there is to say when no HTTP answer was the reason. */
function unanswered(chain: readonly unknown[], endpoint: ModelEndpoint): ModelFailure {
  const where = `the model server at ${endpoint.address}`;
  const root = chain.at(-1);
  if (chain[0] instanceof Error && chain[0].name === "TimeoutError") {
    const message = `Cannot get an answer: ${where} did not answer in time`;
    return { code: "llm_timeout", status: 504, message, transient: true };
  }
  if (root instanceof SyntaxError) {
    const message = `Cannot read the answer of ${where}: it is not valid JSON; ${CHECK_ADDRESS}`;
    return { code: "llm_bad_answer", status: 502, message };
  }
  const socket = root instanceof Error && "code" in root ? String(root.code) : "";
  if (REFUSED.has(socket)) {
    const message = `Cannot reach ${where}: nothing listens there; start it, or correct OPENAI_BASE_URL`;
    return { code: "llm_unreachable", status: 502, message, transient: true };
  }
  const said = socket === "" ? messageOf(root) : socket;
  const message = `Cannot get an answer: the connection to ${where} failed (${said})`;
  return { code: "llm_failed", status: 502, message, transient: true };
}

/** The error to tell for whatever `thrown` came out of a request to `endpoint`. */
export function modelErrorOf(thrown: unknown, endpoint: ModelEndpoint): ModelError {
  if (thrown instanceof ModelError) return thrown;
  const clean = (text: string): string =>
    redact(text, [endpoint.key]).trim().slice(0, QUOTE_CHARACTERS_MAX);
  const chain = chainOf(thrown);
  for (const link of chain) {
    const api = Answered.safeParse(link);
    if (api.success) {
      // Only what the server wrote: the library's own text adds addresses of documentation.
      const words = clean(api.data.error?.message ?? "");
      return new ModelError({ ...answered(api.data, endpoint, words), cause: words });
    }
    const told = ToldInStream.safeParse(link);
    if (told.success) {
      const message = `Cannot finish the answer: the model server at ${endpoint.address} failed: ${clean(told.data.error.message)}`;
      return new ModelError({ code: "llm_failed", status: 502, message, transient: true });
    }
  }
  const root = chain.at(-1);
  const cause = clean(messageOf(root));
  if (root instanceof Error && "code" in root && BROKEN.has(String(root.code))) {
    return brokenAnswer(endpoint, true, cause);
  }
  const failure = unanswered(chain, endpoint);
  return new ModelError({ ...failure, message: clean(failure.message), cause });
}
