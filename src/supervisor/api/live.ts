/** The live socket: the overview to every connected page, at once and after each change, and logs to who asks. */
import type { ServerWebSocket } from "bun";
import type { WSContext, WSEvents } from "hono/ws";
import { LiveRequest } from "../../contract/logs.ts";
import type { LiveMessage, Overview } from "../../contract/process.ts";
import type { RunView } from "../../contract/run.ts";
import { InvalidInputError, messageOf } from "../../lib/errors.ts";
import { LogFeed } from "../log-feed.ts";

/** Changes come in bursts; one message tells them all. */
const GATHER_MS = 25;
const LOOK_AGAIN_MS = 1_000;
/** How soon a page whose session has ended is told no more. */
const SESSION_CHECK_MS = 1_000;
/** RFC 6455, 7.4.1. */
const POLICY_VIOLATION = 1008;
const REQUEST_LENGTH_MAX = 65_536;

interface LiveOptions {
  bootId: string;
  overview(): Promise<Overview>;
  /** Those of the ids whose sessions are alive; undefined while that cannot be told. */
  livingSessions(ids: readonly string[]): Promise<readonly string[] | undefined>;
  /** Where logs are, and what is shown of them nowhere. */
  logs: { folders: readonly string[]; secrets(): readonly string[] };
}

type Socket = WSContext<ServerWebSocket>;

/** One connected page. Hono makes another WSContext for each event; this one is that of its beginning. */
interface Page {
  socket: Socket | undefined;
  logs: LogFeed | undefined;
  /** The id of its session; none for who came with the token. */
  session: string | undefined;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #pages = new Set<Page>();
  #timer: Timer | undefined;
  #sessionCheck: Timer | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** For one connection, which ends with the session of that id. */
  events(session: string | undefined): WSEvents<ServerWebSocket> {
    const page: Page = { socket: undefined, logs: undefined, session };
    return {
      onOpen: (_event, socket) => {
        page.socket = socket;
        this.#pages.add(page);
        this.#sessionCheck ??= setInterval(() => void this.#endWithSessions(), SESSION_CHECK_MS);
        send(page, { topic: "boot", boot_id: this.#options.bootId });
        void this.#status([page]);
      },
      onMessage: ({ data }) => {
        void this.#answer(page, data);
      },
      onClose: () => {
        page.logs?.stop();
        page.socket = undefined;
        this.#pages.delete(page);
        if (this.#pages.size > 0) return;
        clearInterval(this.#sessionCheck);
        this.#sessionCheck = undefined;
      },
    };
  }

  /** Tells everyone the state as it will be in a moment. */
  announce(): void {
    if (this.#pages.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#status(this.#pages);
    }, GATHER_MS);
  }

  /** Tells everyone how far a run is. */
  tellRun(run: RunView): void {
    for (const page of this.#pages) send(page, { topic: "run", run });
  }

  close(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#sessionCheck);
    for (const { socket, logs } of this.#pages) {
      logs?.stop();
      socket?.close(1001, "Luna stops");
    }
  }

  /** The edge asked for a session only when the socket was opened. */
  async #endWithSessions(): Promise<void> {
    const pages = [...this.#pages].filter(({ session }) => session !== undefined);
    const asked = [...new Set(pages.flatMap(({ session }) => session ?? []))];
    const living = asked.length === 0 ? undefined : await this.#options.livingSessions(asked);
    if (living === undefined) return;
    for (const { socket, session = "" } of pages) {
      if (!living.includes(session)) socket?.close(POLICY_VIOLATION, "The session has ended");
    }
  }

  async #status(pages: Iterable<Page>): Promise<void> {
    const overview = await this.#options.overview().catch(() => undefined);
    if (overview === undefined) {
      // Whatever kept it from looking may be over then.
      setTimeout(() => this.announce(), LOOK_AGAIN_MS).unref();
      return;
    }
    for (const page of [...pages]) send(page, { topic: "status", overview });
  }

  /** A new subscription takes the place of the one before. */
  async #answer(page: Page, data: unknown): Promise<void> {
    try {
      const request = readRequest(data);
      page.logs?.stop();
      page.logs = undefined;
      if ("unsubscribe" in request) return;
      const { names, level, after } = request;
      page.logs = new LogFeed({
        ...this.#options.logs,
        ...{ names, level, after },
        send: (batch) => send(page, batch),
        waitingBytes: () => page.socket?.raw?.getBufferedAmount() ?? 0,
      });
      await page.logs.start();
    } catch (error) {
      send(page, { topic: "refused", message: messageOf(error) });
    }
  }
}

/** @throws InvalidInputError for what no page of this version sends */
function readRequest(data: unknown): LiveRequest {
  const isText = typeof data === "string" && data.length <= REQUEST_LENGTH_MAX;
  try {
    return LiveRequest.parse(JSON.parse(isText ? data : ""));
  } catch (cause) {
    throw new InvalidInputError(
      'Cannot read this message: it should be {"subscribe":"logs"} with names, level and after, or {"unsubscribe":"logs"}',
      { cause },
    );
  }
}

function send({ socket }: Page, message: LiveMessage): void {
  if (socket?.raw?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
