/** The socket of a tool host: lines of many exchanges on lasting connections. It is private: no token to ask for. */
import type { Socket } from "bun";
import { HostAnswer, HostCall, HostCancel, HostCompletion } from "../../contract/tool-call.ts";
import { messageOf, NotFoundError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { LineReader, LineWriter, lineOf, readLine } from "../../tools/host-lines.ts";
import type { Caller, CallRunner } from "./call-runner.ts";

/** Of one line. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
const NOTHING = "{}";
/** Whoever asks for its health asks by HTTP, as of everything that runs. */
const PROBE = /^GET \S+ HTTP\/1\.1\r?$/;
const WELL = '{"status":"ok"}';
const WELL_ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${WELL.length}\r\nConnection: close\r\n\r\n${WELL}`;

/** What callers are answered by. */
type Runner = Pick<CallRunner, "run" | "answer" | "cancel" | "complete">;

interface CallSocketOptions {
  unix: string;
  runner: Runner;
  log: Logger;
}

/** One caller's connection; its exchanges end with it. */
class Connection {
  readonly #options: CallSocketOptions;
  readonly #writer: LineWriter;
  readonly #reader = new LineReader((line) => this.#take(line));
  readonly #socket: Socket<Connection | undefined>;
  readonly #underWay = new Map<number, AbortController>();
  readonly #onQuiet: () => void;
  #isProbed = false;

  constructor(
    socket: Socket<Connection | undefined>,
    options: CallSocketOptions,
    onQuiet: () => void,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#writer = new LineWriter(socket, onQuiet);
    this.#onQuiet = onQuiet;
  }

  /** All is answered, and the answers have left. */
  get isQuiet(): boolean {
    return this.#underWay.size === 0 && this.#writer.isEmpty;
  }

  received(piece: Buffer): void {
    if (this.#reader.add(piece) > REQUEST_BYTES_MAX) this.#socket.terminate();
  }

  /** Lets leave what waits, as far as it can. */
  flush(): void {
    this.#writer.flush();
  }

  closed(): void {
    for (const leaving of this.#underWay.values()) leaving.abort();
    this.#underWay.clear();
    this.#onQuiet();
  }

  /** Takes nothing more: what comes now was never begun. */
  end(): void {
    this.#writer.write(lineOf(0, "bye", NOTHING));
    this.#writer.flush();
    this.#socket.end();
  }

  #take(line: string): void {
    if (this.#isProbed) return;
    const read = readLine(line);
    if (PROBE.test(line)) {
      this.#isProbed = true;
      this.#socket.end(WELL_ANSWER);
    } else if (read === undefined) this.#socket.terminate();
    else if (read.word === "gone") this.#underWay.get(read.number)?.abort();
    else void this.#answer(read.number, read.word, read.json);
  }

  async #answer(number: number, word: string, json: string): Promise<void> {
    const leaving = new AbortController();
    this.#underWay.set(number, leaving);
    const hear = (event: string): void => void this.#writer.write(lineOf(number, "event", event));
    let end: string;
    try {
      end = lineOf(number, "end", await this.#ask(word, json, { signal: leaving.signal, hear }));
    } catch (error) {
      const isForgotten = error instanceof NotFoundError;
      if (!isForgotten) this.#options.log.warn("A call was refused", { why: messageOf(error) });
      end = lineOf(number, isForgotten ? "forgotten" : "refused", NOTHING);
    }
    if (this.#underWay.delete(number)) this.#writer.write(end);
  }

  async #ask(word: string, json: string, caller: Caller): Promise<string> {
    const { runner } = this.#options;
    const body: unknown = JSON.parse(json);
    switch (word) {
      case "call":
        return runner.run(HostCall.parse(body), caller);
      case "answer":
        return runner.answer(HostAnswer.parse(body), caller);
      case "complete":
        return JSON.stringify(await runner.complete(HostCompletion.parse(body)));
      case "cancel":
        runner.cancel(HostCancel.parse(body).call);
        return NOTHING;
      default:
        throw new Error(`A host is asked for no "${word}"`);
    }
  }
}

export interface CallSocket {
  /** Lets what is answered leave: the process ends now. */
  flush(): void;
  /** Takes no new connections; resolves when every answer has left. */
  stop(): Promise<void>;
}

export function serveCalls(options: CallSocketOptions): CallSocket {
  const connections = new Set<Connection>();
  const quiet = Promise.withResolvers<void>();
  let isStopping = false;
  const onQuiet = (): void => {
    if (isStopping && [...connections].every((one) => one.isQuiet)) quiet.resolve();
  };
  const listener = Bun.listen<Connection | undefined>({
    unix: options.unix,
    socket: {
      open: (socket) => {
        socket.data = new Connection(socket, options, onQuiet);
        connections.add(socket.data);
      },
      data: ({ data }, piece) => data?.received(piece),
      drain: ({ data }) => data?.flush(),
      close: ({ data }) => {
        if (data === undefined) return;
        connections.delete(data);
        data.closed();
      },
      error: (_, error) => options.log.debug("A caller's connection failed", { error }),
    },
  });
  return {
    flush: () => {
      for (const connection of connections) connection.flush();
    },
    stop: async () => {
      listener.stop();
      isStopping = true;
      onQuiet();
      await quiet.promise;
      for (const connection of connections) connection.end();
    },
  };
}
