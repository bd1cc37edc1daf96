/** The new wire, 2026-07-28: every request stands alone, and whoever wants to hear of changes listens on a stream. */
import {
  createMcpHandler,
  type McpHttpHandler,
  type ServerEvent,
  type ServerEventBus,
} from "@modelcontextprotocol/server";
import type { CallerAbilities } from "../../contract/tool-call.ts";
import { abilitiesOf } from "./abilities.ts";
import type { Asked } from "./asked.ts";
import type { Audience, Listener } from "./audience.ts";
import type { BegunCall } from "./begun-call.ts";
import { makeServer } from "./mcp-server.ts";
import { Manners, type PlainCall } from "./plain-call.ts";
import { beginPlain, jsonAnswer, modernMessage } from "./quick-answer.ts";
import type { Common, Serving } from "./serving.ts";

/** Streams that listen for changes, of one key to one server. */
const SUBSCRIPTIONS_MAX = 128;
/** Keys whose handlers are kept. */
const HANDLERS_MAX = 256;

/** Who listens, of one key: they hear of changes as long as there is somebody. */
class KeyBus implements ServerEventBus {
  readonly #listeners = new Set<(event: ServerEvent) => void>();
  readonly #audience: Audience;
  readonly #listener: Listener;
  #leave: (() => void) | undefined;

  constructor(audience: Audience, listener: Omit<Listener, "listChanged" | "resourceUpdated">) {
    this.#audience = audience;
    this.#listener = Object.assign(listener, {
      listChanged: (names: Parameters<Listener["listChanged"]>[0]) => {
        for (const name of names) this.publish({ kind: `${name}_list_changed` });
      },
      resourceUpdated: (uri: string) => this.publish({ kind: "resource_updated", uri }),
    });
  }

  get isQuiet(): boolean {
    return this.#listeners.size === 0;
  }

  publish(event: ServerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#leave ??= this.#audience.add(this.#listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#leave?.();
      this.#leave = undefined;
    };
  }
}

interface KeyHandler {
  handler: McpHttpHandler;
  bus: KeyBus;
  listener: { offer: Asked["offer"]; refresh: Asked["refresh"] };
}

type Message = { method: string } & Record<string, unknown>;

/** What the server for one request needs, and what it found out. */
interface Answering {
  asked: Asked;
  method: string;
  begun?: BegunCall | undefined;
  abilities?: CallerAbilities;
}

interface ModernWireOptions {
  common: Common;
  audience: Audience;
}

export class ModernWire {
  readonly #options: ModernWireOptions;
  readonly #handlers = new Map<string, KeyHandler>();
  readonly #requests = new WeakMap<Request, Answering>();
  /** Of plain calls that the SDK took: what can be told and asked of their clients. */
  readonly #manners = new Manners<CallerAbilities>();

  constructor(options: ModernWireOptions) {
    this.#options = options;
  }

  /** Answers a POST whose body was classified as this wire's. */
  answer(request: Request, asked: Asked, message: Message): Promise<Response> {
    return this.#bySdk(request, message, { asked, method: message.method });
  }

  /** Answers a plain call; undefined when nothing is known yet of those like it. */
  async answerPlain(
    request: Request,
    asked: Asked,
    call: PlainCall,
  ): Promise<Response | undefined> {
    const abilities = this.#manners.get(call);
    const { method, params } = call.message;
    if (abilities === undefined || asked.offer.paramHeaders.has(params.name)) return undefined;
    const begun = beginPlain(this.#options.common, { asked, abilities, call });
    const result = await begun?.quickResult();
    if (result !== undefined) return jsonAnswer(modernMessage(asked, call, result));
    if (request.signal.aborted) begun?.end();
    return this.#bySdk(request, { ...call.message }, { asked, method, begun });
  }

  /** As `answer`, for a plain call: others like it are answered without the SDK if it took this one. */
  async learn(request: Request, asked: Asked, call: PlainCall): Promise<Response> {
    const answering: Answering = { asked, method: call.message.method };
    const response = await this.#bySdk(request, { ...call.message }, answering);
    const { abilities } = answering;
    if (response.ok && abilities !== undefined) this.#manners.set(call, abilities);
    return response;
  }

  #bySdk(request: Request, message: Message, answering: Answering): Promise<Response> {
    this.#requests.set(request, answering);
    return this.#handlerFor(answering.asked).handler.fetch(request, { parsedBody: message });
  }

  /** Ends the streams in order. */
  async close(): Promise<void> {
    await Promise.all([...this.#handlers.values()].map(({ handler }) => handler.close()));
    this.#handlers.clear();
  }

  #handlerFor(asked: Asked): KeyHandler {
    const known = this.#handlers.get(asked.binding);
    if (known !== undefined) {
      // Nobody has been told of anything while nobody listened.
      if (known.bus.isQuiet) known.listener.offer = asked.offer;
      known.listener.refresh = asked.refresh;
      return known;
    }
    const made = this.#makeHandler(asked);
    this.#handlers.set(asked.binding, made);
    this.#forgetOne();
    return made;
  }

  #forgetOne(): void {
    if (this.#handlers.size <= HANDLERS_MAX) return;
    const quiet = [...this.#handlers].find(([, { bus }]) => bus.isQuiet);
    if (quiet !== undefined) this.#handlers.delete(quiet[0]);
  }

  #makeHandler(asked: Asked): KeyHandler {
    const { common, audience } = this.#options;
    const { binding } = asked;
    const listener = {
      binding,
      offer: asked.offer,
      refresh: asked.refresh,
      dismiss: () => {
        const gone = this.#handlers.get(binding);
        this.#handlers.delete(binding);
        void gone?.handler.close();
      },
    };
    const bus = new KeyBus(audience, listener);
    const handler = createMcpHandler(({ requestInfo }) => this.#serverFor(requestInfo), {
      legacy: "reject",
      maxSubscriptions: SUBSCRIPTIONS_MAX,
      bus,
      onerror: (error) => common.log.debug("An MCP request was refused", { error }),
    });
    return { handler, bus, listener };
  }

  #serverFor(request: Request | undefined) {
    const known = request && this.#requests.get(request);
    if (known === undefined) throw new Error("The SDK asks for a server for no request");
    const { asked, method } = known;
    const serving: Serving = {
      ...this.#options.common,
      era: "modern",
      session: undefined,
      askedOf: () => asked,
      begunFor: () => {
        const { begun } = known;
        known.begun = undefined;
        return begun;
      },
      abilitiesOf: (context) => {
        known.abilities = abilitiesOf(context, { capabilities: server.getClientCapabilities() });
        return known.abilities;
      },
    };
    const server = makeServer(serving, asked, method);
    return server;
  }
}
