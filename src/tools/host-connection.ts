/** A lasting connection to a tool host: many exchanges at once, told apart by their numbers. */
import type { Socket } from "bun";
import { HostEnd, HostEvent } from "../contract/tool-call.ts";
import { LineReader, LineWriter, lineOf, readLine, type Written } from "./host-lines.ts";
import type { HostSocket } from "./host-socket.ts";

/** What became of an exchange. */
export type Reply =
  /** The word and the JSON that ended it. */
  | { kind: "reply"; word: string; json: string }
  /** Nobody listens, or took it: the request was certainly not delivered. */
  | { kind: "not-connected" }
  /** The connection broke: what was asked may have been carried out, in part or in whole. */
  | { kind: "lost"; code: string }
  /** No answer in time. */
  | { kind: "silent" }
  /** An answer that no tool host gives. */
  | { kind: "unreadable"; why: string };

export interface Asking {
  word: "call" | "answer" | "cancel" | "complete";
  body: unknown;
  timeoutMs: number;
  answerBytesMax: number;
  /** The caller's; its abort reaches the host, and is thrown. */
  signal?: AbortSignal | undefined;
  /** Told of what comes before the end. */
  onEvent?: ((event: HostEvent) => void) | undefined;
}

interface UnderWay extends Pick<Asking, "answerBytesMax" | "onEvent"> {
  settle(reply: Reply): void;
  written: Written;
}

const NOT_CONNECTED: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED"]);
export const UNREADABLE = { kind: "unreadable", why: "it is not a tool's result" } as const;
const TOO_LARGE = { kind: "unreadable", why: "it is too large" } as const;
const NOTHING = "{}";

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** The end of a call; undefined for what is none. */
export function endIn(json: string): HostEnd | undefined {
  try {
    return HostEnd.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

function eventIn(json: string): HostEvent | undefined {
  try {
    return HostEvent.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

class HostConnection {
  readonly #socket: Pick<Socket, "terminate">;
  readonly #writer: LineWriter;
  readonly #underWay = new Map<number, UnderWay>();
  readonly #reader = new LineReader((line) => this.#take(line));
  #lastNumber = 0;
  #isClosed = false;

  constructor(socket: Pick<Socket, "write" | "unref" | "terminate">) {
    this.#socket = socket;
    this.#writer = new LineWriter(socket);
    // Whoever waits for an answer has a timer; a connection alone keeps no process alive.
    socket.unref();
  }

  async ask({ word, body, timeoutMs, signal, ...rest }: Asking): Promise<Reply> {
    signal?.throwIfAborted();
    if (this.#isClosed) return { kind: "not-connected" };
    const json = JSON.stringify(body);
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const leave = (): void => {
      if (this.#underWay.delete(number)) this.#writer.write(lineOf(number, "gone", NOTHING));
    };
    const timer = setTimeout(() => {
      leave();
      resolve({ kind: "silent" });
    }, timeoutMs);
    const onAbort = (): void => {
      leave();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const written = this.#writer.write(lineOf(number, word, json));
    this.#underWay.set(number, { ...rest, settle: resolve, written });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  received(piece: Buffer): void {
    const bytes = this.#reader.add(piece);
    if (bytes === 0) return;
    const limits = [...this.#underWay.values()].map(({ answerBytesMax }) => answerBytesMax);
    // What comes after an answer that nobody waits for any more is as large as any may be, or of no interest.
    if (limits.length > 0 && bytes > Math.max(...limits)) this.#break(TOO_LARGE);
  }

  drained(): void {
    this.#writer.flush();
  }

  closed(code: string): void {
    this.#isClosed = true;
    for (const [number, { written }] of this.#underWay) {
      this.#settle(number, written.begun ? { kind: "lost", code } : { kind: "not-connected" });
    }
  }

  #take(line: string): void {
    const { number, word, json } = readLine(line) ?? { number: 0, word: "", json: "" };
    const one = this.#underWay.get(number);
    if (word === "bye") this.#leftBehind();
    else if (word === "event") {
      const event = eventIn(json);
      if (event === undefined) this.#settle(number, UNREADABLE);
      else one?.onEvent?.(event);
    } else if (word === "") this.#break(UNREADABLE);
    else this.#settle(number, { kind: "reply", word, json });
  }

  /** The host ends, and has answered all that it took. */
  #leftBehind(): void {
    for (const number of this.#underWay.keys()) this.#settle(number, { kind: "not-connected" });
  }

  #settle(number: number, reply: Reply): void {
    const one = this.#underWay.get(number);
    this.#underWay.delete(number);
    one?.settle(reply);
  }

  /** Nothing that comes after this could be understood. */
  #break(why: Reply): void {
    for (const number of this.#underWay.keys()) this.#settle(number, why);
    this.#socket.terminate();
  }
}

/** The connections of this process, one to each host. */
export class HostConnections {
  readonly #connections = new Map<string, Promise<HostConnection>>();

  /** Asks the host at `socket`; never asks twice. */
  async ask(socket: HostSocket, asking: Asking): Promise<Reply> {
    asking.signal?.throwIfAborted();
    let connection: HostConnection;
    try {
      connection = await this.#to(socket.path);
    } catch (error) {
      const code = codeOf(error);
      return NOT_CONNECTED.has(code) ? { kind: "not-connected" } : { kind: "lost", code };
    }
    return connection.ask(asking);
  }

  #to(path: string): Promise<HostConnection> {
    const known = this.#connections.get(path);
    if (known !== undefined) return known;
    const made = this.#connect(path, () => {
      if (this.#connections.get(path) === made) this.#connections.delete(path);
    });
    this.#connections.set(path, made);
    return made;
  }

  async #connect(path: string, onClose: () => void): Promise<HostConnection> {
    const opened = Promise.withResolvers<HostConnection>();
    const close = (connection: HostConnection | undefined, code: string): void => {
      onClose();
      connection?.closed(code);
    };
    try {
      await Bun.connect<HostConnection | undefined>({
        unix: path,
        socket: {
          open: (socket) => {
            socket.data = new HostConnection(socket);
            opened.resolve(socket.data);
          },
          data: ({ data }, piece) => data?.received(piece),
          drain: ({ data }) => data?.drained(),
          close: ({ data }, error) =>
            close(data, error === undefined ? "ECONNRESET" : codeOf(error)),
          error: ({ data }, error) => close(data, codeOf(error)),
        },
      });
      return await opened.promise;
    } catch (error) {
      onClose();
      throw error;
    }
  }
}
