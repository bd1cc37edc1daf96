/** How a tool host ends: idle, told to, worn out, or failed; each time without losing an answer or a socket. */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { removeHostSocket, unpublishHostSocket } from "../../tools/host-socket.ts";
import type { CallRunner } from "./call-runner.ts";

/** Who read the link just before it went still gets through in this time. */
const LINGER_MS = 100;
const STOP_TIMEOUT_MS = 2_000;
/** Time for the answers of failed calls to leave. */
const CRASH_TIMEOUT_MS = 500;
/** setTimeout fires at once beyond 2^31 - 1 ms. */
const IDLE_MAX_MS = 2_147_483_647;

interface HostLifeOptions {
  /** Where callers look for the socket. */
  socketLink: string;
  idleMs: number;
  log: Logger;
}

/** The parts of a host that is up; there are none while the tools are being loaded. */
interface Running {
  runner: CallRunner;
  /** Resolves when every answer has left. */
  stopServer(): Promise<void>;
  /** Lets answers leave that are there. */
  flush(): void;
}

export class HostLife {
  readonly #options: HostLifeOptions;
  #running: Running | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ending: "no" | "retiring" | "now" = "no";

  constructor(options: HostLifeOptions) {
    this.#options = options;
  }

  /** Before anything is loaded: from here on every way to end is an orderly one. */
  watch(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => void this.#end({ code: 0, timeoutMs: STOP_TIMEOUT_MS }));
    }
    process.on("SIGHUP", () => void this.retire("What it was started with has changed"));
    process.on("uncaughtException", (error) => void this.#crash(error));
    process.on("unhandledRejection", (error) => void this.#crash(error));
    // Also when a tool calls process.exit().
    process.on("exit", () => {
      this.#running?.flush();
      removeHostSocket(this.#options.socketLink, process.pid);
    });
  }

  begin(running: Running): void {
    this.#running = running;
    this.rest();
  }

  /** Nothing is under way: from now on time counts as idle. */
  rest(): void {
    clearTimeout(this.#idle);
    const { idleMs } = this.#options;
    this.#idle = setTimeout(
      () => {
        if (this.#running?.runner.active === 0) void this.retire("It was idle");
      },
      Math.min(idleMs, IDLE_MAX_MS),
    );
  }

  /** Ends when the last call is answered; new callers find no socket and ask for a new host. */
  async retire(why: string): Promise<void> {
    if (this.#running === undefined || this.#ending !== "no") return;
    this.#ending = "retiring";
    this.#options.log.info("The tool host ends", { why });
    unpublishHostSocket(this.#options.socketLink, process.pid);
    do await Bun.sleep(LINGER_MS);
    while (this.#running.runner.active > 0);
    await this.#end({ code: 0, timeoutMs: STOP_TIMEOUT_MS });
  }

  async #crash(error: unknown): Promise<void> {
    this.#options.log.error("An error was caught by nobody: the tool host ends", { error });
    this.#running?.runner.failAll(
      `its tool host failed and ended (${messageOf(error)}); this or another tool of the extension left an error uncaught`,
    );
    await this.#end({ code: 1, timeoutMs: CRASH_TIMEOUT_MS });
  }

  async #end({ code, timeoutMs }: { code: number; timeoutMs: number }): Promise<void> {
    if (this.#ending === "now") return;
    this.#ending = "now";
    unpublishHostSocket(this.#options.socketLink, process.pid);
    // After an error that nobody caught, Bun goes on with the answers at the next event: a timer is one.
    await Bun.sleep(1);
    await Promise.race([this.#running?.stopServer(), Bun.sleep(timeoutMs)]);
    process.exit(code);
  }
}
