/** The answer as it comes: OpenAI's `chat.completion.chunk`s as server-sent events. */
import type { AgentEvent } from "../../agents/agent.ts";
import { LunaError, UnavailableError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { CompletionHead } from "./completion.ts";
import type { RunRecord } from "./run-record.ts";

/** While tools run there is nothing to send, and proxies cut what is quiet for a minute. */
const HEARTBEAT_MS = 15_000;
/** A comment of the event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
const HEARTBEAT = ": working\n\n";
const STOPS = "Luna stops before this answer is whole; ask again when it runs";
const HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-cache",
  // Asks proxies of the nginx kind to hand on each event at once.
  "X-Accel-Buffering": "no",
};

interface StreamOptions {
  events: AsyncGenerator<AgentEvent, void>;
  record: RunRecord;
  head: CompletionHead;
  trace: boolean;
  usage: boolean;
  log: Logger;
  /** Ends the run when the client goes away. */
  abort: () => void;
  /** Aborted when Luna stops: the stream then says so and ends. */
  stopping: AbortSignal | undefined;
}

function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Writes the chunks of one answer. */
class Chunks {
  readonly #options: StreamOptions;
  readonly #base: object;
  readonly #beforeText: string;
  #spoken = false;

  constructor(options: StreamOptions) {
    this.#options = options;
    const { id, created, model } = options.head;
    this.#base = { id, object: "chat.completion.chunk", created, model };
    // A token's chunk differs from the next in its text alone: the rest is written once.
    this.#beforeText = `data: ${JSON.stringify(this.#base).slice(0, -1)},"choices":[{"index":0,"delta":{"content":`;
  }

  /** The text of an event; empty for events that nobody asked to see. */
  of(event: AgentEvent): string {
    const opening = this.#spoken ? "" : this.#chunk({ role: "assistant", content: "" });
    this.#spoken = true;
    return opening + this.#body(event);
  }

  #body(event: AgentEvent): string {
    const { trace } = this.#options;
    switch (event.type) {
      case "text":
        return `${this.#beforeText}${JSON.stringify(event.text)}},"finish_reason":null}]}\n\n`;
      case "tool_start":
      case "tool_end":
        return trace ? this.#chunk({}, { luna: event }) : "";
      case "model_end":
        return "";
      case "done":
        return this.#ending(event);
    }
  }

  #ending(event: Extract<AgentEvent, { type: "done" }>): string {
    const { trace, usage, record } = this.#options;
    const luna = trace ? { luna: { type: "end", timings: record.timings() } } : {};
    const finish = this.#chunk({}, luna, event.finish_reason);
    const used =
      usage && event.usage !== undefined
        ? data({ ...this.#base, choices: [], usage: event.usage })
        : "";
    return `${finish}${used}data: [DONE]\n\n`;
  }

  #chunk(delta: object, more: object = {}, finish_reason: string | null = null): string {
    return data({ ...this.#base, choices: [{ index: 0, delta, finish_reason }], ...more });
  }
}

/** The error as an event: without a [DONE] after it, clients know that the answer is not whole. */
function failure(thrown: unknown, log: Logger): string {
  if (thrown instanceof LunaError) {
    log.warn(thrown.message, { code: thrown.code, cause: thrown.cause });
    return data({ error: { code: thrown.code, message: thrown.message } });
  }
  log.error("A stream failed unexpectedly", { error: thrown });
  const message = "Luna failed to finish this answer; its log says why";
  return data({ error: { code: "internal", message } });
}

/**
 * Streams the agent's answer.
 * @throws what the agent throws before its first event: then there is still a status to say it with
 */
export async function streamCompletion(options: StreamOptions): Promise<Response> {
  const { events, record, log, abort, stopping } = options;
  const chunks = new Chunks(options);
  const encoder = new TextEncoder();
  const first = await events.next();
  if (first.done === true) throw new Error("The agent ended without an answer");

  let heartbeat: NodeJS.Timeout | undefined;
  let gone = false;
  const textOf = (event: AgentEvent): Uint8Array => {
    record.note(event);
    return encoder.encode(chunks.of(event));
  };
  let onStop = (): void => undefined;
  const finish = (): void => {
    clearInterval(heartbeat);
    stopping?.removeEventListener("abort", onStop);
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(textOf(first.value));
      onStop = () => {
        gone = true;
        finish();
        controller.enqueue(encoder.encode(failure(new UnavailableError(STOPS), log)));
        controller.close();
        abort();
      };
      stopping?.addEventListener("abort", onStop);
      heartbeat = setInterval(() => controller.enqueue(encoder.encode(HEARTBEAT)), HEARTBEAT_MS);
    },
    async pull(controller) {
      try {
        const next = await events.next();
        if (gone) return;
        if (next.done !== true) return controller.enqueue(textOf(next.value));
      } catch (error) {
        // Nobody is left to tell, and the error is only the abort.
        if (gone) return;
        controller.enqueue(encoder.encode(failure(error, log)));
      }
      finish();
      controller.close();
    },
    cancel() {
      gone = true;
      finish();
      abort();
    },
  });
  return new Response(body, { headers: HEADERS });
}
