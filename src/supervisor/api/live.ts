/** The live socket: the overview to every connected page, at once and after each change. */
import type { WSContext, WSEvents } from "hono/ws";
import type { LiveMessage, Overview } from "../../contract/process.ts";

/** Changes come in bursts; one message tells them all. */
const GATHER_MS = 25;

interface LiveOptions {
  bootId: string;
  overview(): Promise<Overview>;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #sockets = new Set<WSContext>();
  #timer: Timer | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  events(): WSEvents {
    return {
      onOpen: (_event, socket) => {
        this.#sockets.add(socket);
        send(socket, { topic: "boot", boot_id: this.#options.bootId });
        void this.#status([socket]);
      },
      onClose: (_event, socket) => {
        this.#sockets.delete(socket);
      },
    };
  }

  /** Tells everyone the state as it will be in a moment. */
  announce(): void {
    if (this.#sockets.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#status(this.#sockets);
    }, GATHER_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.close(1001, "Luna stops");
  }

  async #status(sockets: Iterable<WSContext>): Promise<void> {
    const overview = await this.#options.overview();
    for (const socket of [...sockets]) send(socket, { topic: "status", overview });
  }
}

function send(socket: WSContext, message: LiveMessage): void {
  if (socket.readyState === 1) socket.send(JSON.stringify(message));
}
