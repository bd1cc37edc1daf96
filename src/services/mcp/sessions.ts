/** The sessions that are remembered: bounded in number and time, and begun anew when a client comes back to one. */
import type { Asked } from "./asked.ts";
import type { Audience } from "./audience.ts";
import { Manners } from "./plain-call.ts";
import type { Common } from "./serving.ts";
import { Session } from "./session.ts";
import { Beginning, beginningOf, mintSessionId } from "./session-id.ts";

/** Beyond this the one that was used longest ago is forgotten. */
const SESSIONS_MAX = 1_000;
/** A session that nobody uses for as long is forgotten. */
const IDLE_MS = 30 * 60_000;
const SWEEP_MS = 60_000;
const GONE_MS = 5_000;
/** What all sessions together keep for clients whose streams break off. */
const EVENT_CHARACTERS_MAX = 32 * 1024 * 1024;
/** Ids of sessions that their clients ended. */
const ENDED_MAX = 10_000;

export interface SessionLimits {
  sessions: number;
  idleMs: number;
  /** How long the calls of a client that broke off go on. */
  goneMs: number;
}

const USUAL: SessionLimits = { sessions: SESSIONS_MAX, idleMs: IDLE_MS, goneMs: GONE_MS };

interface SessionsOptions {
  common: Common;
  audience: Audience;
  limits?: Partial<SessionLimits> | undefined;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #limits: SessionLimits;
  /** In the order of their last use. */
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #ended = new Set<string>();
  readonly #manners = new Manners<true>();
  readonly #eventBudget = { characters: EVENT_CHARACTERS_MAX };
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#limits = { ...USUAL, ...options.limits };
  }

  /** Begins a session with the client's `initialize`, and answers that. */
  async open(request: Request, asked: Asked, message: unknown): Promise<Response> {
    const beginning = Beginning.safeParse(paramsOf(message)).data;
    const id = mintSessionId(this.#options.common.seal, asked, beginning);
    const session = await this.#begin(id, asked, false);
    const response = await session.answer(request, asked, message);
    if (!response.ok) await session.close();
    return response;
  }

  /** The session of this id, begun anew if it was forgotten; undefined when it is no session of this key's. */
  async find(id: string, asked: Asked): Promise<Session | undefined> {
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      const session = await known;
      if (session.binding !== asked.binding) return undefined;
      this.#sessions.delete(id);
      this.#sessions.set(id, known);
      return session;
    }
    if (this.#ended.has(id)) return undefined;
    const beginning = beginningOf(this.#options.common.seal, asked, id);
    return beginning && this.#begin(id, asked, true, beginning);
  }

  /** Its client ends it for good. */
  end(id: string): void {
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const all = await Promise.all(this.#sessions.values());
    await Promise.all(all.map((session) => session.close()));
  }

  #begin(id: string, asked: Asked, isRenewed: boolean, beginning?: Beginning): Promise<Session> {
    const begun = this.#make(id, asked, isRenewed, beginning);
    this.#sessions.set(id, begun);
    begun.catch(() => this.#sessions.delete(id));
    this.#sweeper ??= setInterval(() => void this.#sweep(), SWEEP_MS);
    void this.#makeRoom();
    return begun;
  }

  async #make(
    id: string,
    asked: Asked,
    isRenewed: boolean,
    beginning: Beginning | undefined,
  ): Promise<Session> {
    const session = new Session({
      ...{ id, asked, isRenewed },
      ...{ common: this.#options.common, audience: this.#options.audience },
      ...{ eventBudget: this.#eventBudget, manners: this.#manners },
      goneMs: this.#limits.goneMs,
      onEnd: () => this.#sessions.delete(id),
    });
    await session.start();
    if (beginning !== undefined) {
      const answer = await session.answer(initializeRequest(), asked, initialize(beginning));
      await answer.body?.cancel();
    }
    return session;
  }

  /** Forgets the longest unused, but none that is in use as long as there is another. */
  async #makeRoom(): Promise<void> {
    const { sessions: most } = this.#limits;
    if (this.#sessions.size <= most) return;
    const all = await Promise.all(this.#sessions.values());
    // The newest is about to be used.
    const others = all.slice(0, -1);
    const inOrder = [
      ...others.filter((one) => !one.isInUse),
      ...others.filter((one) => one.isInUse),
    ];
    const excess = Math.max(0, all.length - most);
    await Promise.all(inOrder.slice(0, excess).map((session) => session.close()));
  }

  async #sweep(): Promise<void> {
    const { idleMs } = this.#limits;
    const before = performance.now() - idleMs;
    for (const known of [...this.#sessions.values()]) {
      const session = await known;
      if (!session.isInUse && session.lastUsedMs < before) await session.close();
    }
    if (this.#sessions.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

function paramsOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "params" in message
    ? message.params
    : undefined;
}

/** What a client would send to begin the session as it did before. */
function initialize(beginning: Beginning) {
  return { jsonrpc: "2.0", id: "renewed", method: "initialize", params: beginning };
}

function initializeRequest(): Request {
  return new Request("http://localhost/", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
    },
  });
}
