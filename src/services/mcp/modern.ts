/** The new wire, 2026-07-28: every request stands alone, and whoever wants to hear of changes listens on a stream. */
import {
  createMcpHandler,
  type McpHttpHandler,
  type ServerEvent,
  type ServerEventBus,
} from "@modelcontextprotocol/server";
import { abilitiesOf } from "./abilities.ts";
import type { Asked } from "./asked.ts";
import type { Audience, Listener } from "./audience.ts";
import { makeServer } from "./mcp-server.ts";
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

interface ModernWireOptions {
  common: Common;
  audience: Audience;
}

export class ModernWire {
  readonly #options: ModernWireOptions;
  readonly #handlers = new Map<string, KeyHandler>();
  /** What the request that a server is made for needs. */
  readonly #requests = new WeakMap<Request, { asked: Asked; method: string }>();

  constructor(options: ModernWireOptions) {
    this.#options = options;
  }

  /** Answers a POST whose body was classified as this wire's. */
  answer(
    request: Request,
    asked: Asked,
    message: { method: string } & Record<string, unknown>,
  ): Promise<Response> {
    this.#requests.set(request, { asked, method: message.method });
    return this.#handlerFor(asked).handler.fetch(request, { parsedBody: message });
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
      abilitiesOf: (context) =>
        abilitiesOf(context, { capabilities: server.getClientCapabilities() }),
    };
    const server = makeServer(serving, asked, method);
    return server;
  }
}
