/** One session of a client with a revision before 2026-07-28. */
import {
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { abilitiesOf, plainAbilities } from "./abilities.ts";
import type { Asked } from "./asked.ts";
import type { Audience, Listener, ListName } from "./audience.ts";
import type { BegunCall } from "./begun-call.ts";
import { type EventBudget, SessionEvents } from "./event-store.ts";
import { beginsAtOnce } from "./first-byte.ts";
import { makeServer } from "./mcp-server.ts";
import type { Manners, PlainCall } from "./plain-call.ts";
import { beginPlain, legacyMessage, streamAnswer } from "./quick-answer.ts";
import { type Common, noAnswer, type Serving, type SessionState } from "./serving.ts";

/** When a client whose stream was closed comes back. */
const RETRY_MS = 1_000;

interface SessionOptions {
  id: string;
  asked: Asked;
  common: Common;
  audience: Audience;
  /** What all sessions together may keep. */
  eventBudget: EventBudget;
  /** Of plain calls that the SDK took, in whichever session. */
  manners: Manners<true>;
  /** A client that broke off may come back for the answer: as long its calls go on. */
  goneMs: number;
  /** It has forgotten what its client subscribed to, and tells it of everything. */
  isRenewed: boolean;
  onEnd(): void;
}

export class Session {
  readonly id: string;
  /** Whose it is. */
  readonly binding: string;
  lastUsedMs = performance.now();
  readonly #options: SessionOptions;
  readonly #server: Server;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  readonly #requests = new WeakMap<Request, { asked: Asked; begun: BegunCall | undefined }>();
  /** Hands the plain calls that the SDK does not know over to it. */
  readonly #plain = new Set<() => Promise<void>>();
  /** Those that are open for what the server tells by itself. */
  readonly #streams = new Set<Request>();
  readonly #state: SessionState = { log_level: "info", subscriptions: new Set(), running: 0 };
  readonly #events: SessionEvents;
  readonly #leave: () => void;
  #latest: Asked;

  constructor(options: SessionOptions) {
    const { id, asked, audience } = options;
    this.id = id;
    this.binding = asked.binding;
    this.#options = options;
    this.#latest = asked;
    this.#events = new SessionEvents(options.eventBudget);
    this.#server = makeServer(this.#serving(), asked);
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      eventStore: this.#events,
      retryInterval: RETRY_MS,
    });
    this.#leave = audience.add(this.#listener(asked));
    // When its client says goodbye, or we close it.
    this.#server.onclose = () => {
      this.#leave();
      this.#events.clear();
      options.onEnd();
    };
  }

  async start(): Promise<void> {
    await this.#server.connect(this.#transport);
  }

  /** Whether something is under way, or its client listens. */
  get isInUse(): boolean {
    return this.#state.running > 0 || this.#plain.size > 0 || this.#streams.size > 0;
  }

  /** What was agreed on with the session's client. */
  get protocolVersion(): string | undefined {
    return this.#server.getNegotiatedProtocolVersion();
  }

  /** Answers one request of the session's client. */
  async answer(request: Request, asked: Asked, message?: unknown): Promise<Response> {
    // The message may cancel a call, of which the SDK has to know then.
    await Promise.all([...this.#plain].map((handOver) => handOver()));
    return this.#bySdk(request, asked, message);
  }

  async answerPlain(request: Request, asked: Asked, call: PlainCall): Promise<Response> {
    const { manners } = this.#options;
    if (manners.get(call) === true) return this.#answerPlain(request, asked, call);
    const response = await this.answer(request, asked, call.message);
    if (response.ok) manners.set(call, true);
    return response;
  }

  async #answerPlain(request: Request, asked: Asked, call: PlainCall): Promise<Response> {
    this.lastUsedMs = performance.now();
    this.#latest = asked;
    const abilities = plainAbilities(this.#client());
    const begun = beginPlain(this.#options.common, { asked, abilities, call });
    const answered = Promise.withResolvers<void>();
    const handOver = (): Promise<void> => {
      begun?.handOver();
      return answered.promise;
    };
    this.#plain.add(handOver);
    try {
      const result = await begun?.quickResult();
      if (result === undefined) return await this.#bySdk(request, asked, call.message, begun);
      const { headers } = request;
      const stream = { id: this.id, events: this.#events, retryMs: RETRY_MS };
      return streamAnswer(legacyMessage(call, result), { headers, ...stream });
    } finally {
      this.#plain.delete(handOver);
      answered.resolve();
    }
  }

  async #bySdk(
    request: Request,
    asked: Asked,
    message: unknown,
    begun?: BegunCall,
  ): Promise<Response> {
    this.lastUsedMs = performance.now();
    this.#latest = asked;
    this.#requests.set(request, { asked, begun });
    const { signal } = request;
    const onGone = (): void => this.#brokeOff(request, message);
    // It may have gone while its message was read, or its session looked for.
    if (signal.aborted) onGone();
    else signal.addEventListener("abort", onGone, { once: true });
    if (request.method === "GET") return this.#openStream(request);
    const options = message === undefined ? {} : { parsedBody: message };
    return this.#transport.handleRequest(request, options);
  }

  async #openStream(request: Request): Promise<Response> {
    if (request.signal.aborted) return noAnswer();
    this.#streams.add(request);
    // The signal tells only of a client that breaks off, not of a stream that ends by itself.
    const onEnd = (): void => void this.#streams.delete(request);
    const answer = await this.#transport.handleRequest(request);
    if (answer.ok) return beginsAtOnce(answer, onEnd);
    onEnd();
    return answer;
  }

  /** Cancels what `request` asked for, unless its client shows that it is still there. */
  #brokeOff(request: Request, message: unknown): void {
    this.#streams.delete(request);
    const requestId = idOf(message);
    if (requestId === undefined) return;
    const goneMs = performance.now();
    const timer = setTimeout(() => {
      if (this.lastUsedMs > goneMs || this.#streams.size > 0) return;
      const method = "notifications/cancelled";
      const params = { requestId, reason: "the client is gone" };
      this.#transport.onmessage?.({ jsonrpc: "2.0", method, params });
    }, this.#options.goneMs);
    timer.unref();
  }

  /** Ends its streams and the calls under way. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  #serving(): Serving {
    const session = this.#state;
    return {
      ...this.#options.common,
      era: "legacy",
      session,
      askedOf: ({ http }) => (http?.req && this.#requests.get(http.req))?.asked ?? this.#latest,
      begunFor: ({ http }) => {
        const known = http?.req && this.#requests.get(http.req);
        const begun = known?.begun;
        if (known !== undefined) known.begun = undefined;
        return begun;
      },
      abilitiesOf: (context) => abilitiesOf(context, this.#client()),
    };
  }

  /** What its client said that it can be asked and told. */
  #client() {
    const capabilities = this.#server.getClientCapabilities();
    return { capabilities, logLevel: this.#state.log_level };
  }

  #listener(asked: Asked): Listener {
    const server = () => this.#server;
    const tell: Record<ListName, () => Promise<void>> = {
      tools: () => server().sendToolListChanged(),
      resources: () => server().sendResourceListChanged(),
      prompts: () => server().sendPromptListChanged(),
    };
    const { log } = this.#options.common;
    const sent = (sending: Promise<void>): void =>
      void sending.catch((error: unknown) => log.debug("A session heard nothing", { error }));
    return {
      binding: asked.binding,
      offer: asked.offer,
      refresh: () => this.#latest.refresh(),
      listChanged: (names) => {
        for (const name of names) sent(tell[name]());
      },
      resourceUpdated: (uri) => {
        if (this.#options.isRenewed || this.#state.subscriptions.has(uri)) {
          sent(server().sendResourceUpdated({ uri }));
        }
      },
      dismiss: () => void this.close(),
    };
  }
}

function idOf(message: unknown): string | number | undefined {
  if (typeof message !== "object" || message === null || !("id" in message)) return undefined;
  const { id } = message;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
