/** A tool host for tests of whoever calls one: it speaks the real protocol, and says what the test wants. */
import type { Socket } from "bun";
import { LineReader, LineWriter, lineOf, readLine } from "../../src/tools/host-lines.ts";

const HEALTHY = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

export interface HostAsked {
  word: string;
  body: unknown;
}

/** Words and their bodies, in order; "endless" is the beginning of a line without an end. */
type Said = readonly (readonly [word: string, body: unknown] | "hang up")[];

export type HostAnswer = (asked: HostAsked) => Said | Promise<Said>;

interface HostDoubleOptions {
  unix: string;
  answer: HostAnswer;
  /** Does not even say that it lives. */
  isBlocked?: boolean;
}

interface State {
  reader: LineReader;
  writer: LineWriter;
}

export class HostDouble {
  readonly asked: HostAsked[] = [];
  connections = 0;
  readonly #options: HostDoubleOptions;
  readonly #listener: Bun.UnixSocketListener<State | undefined>;
  readonly #sockets = new Set<Socket<State | undefined>>();

  constructor(options: HostDoubleOptions) {
    this.#options = options;
    this.#listener = Bun.listen<State | undefined>({
      unix: options.unix,
      socket: {
        open: (socket) => {
          const reader = new LineReader((line) => void this.#take(socket, line));
          socket.data = { reader, writer: new LineWriter(socket) };
          this.#sockets.add(socket);
        },
        data: ({ data }, piece) => void data?.reader.add(piece),
        drain: ({ data }) => data?.writer.flush(),
        close: (socket) => void this.#sockets.delete(socket),
      },
    });
  }

  /** As when the process is killed. */
  async stop(): Promise<void> {
    this.#listener.stop(true);
    for (const socket of this.#sockets) socket.terminate();
  }

  async #take(socket: Socket<State | undefined>, line: string): Promise<void> {
    if (line.startsWith("GET ")) {
      if (this.#options.isBlocked !== true) socket.end(HEALTHY);
      return;
    }
    const read = readLine(line);
    if (read === undefined || !/^[a-z]+$/.test(read.word)) return; // The rest of a request for health.
    if (read.number === 1) this.connections += 1;
    const asked = { word: read.word, body: JSON.parse(read.json) };
    this.asked.push(asked);
    if (read.word === "gone") return;
    for (const said of await this.#options.answer(asked)) {
      if (said === "hang up") socket.end();
      else if (said[0] === "endless") socket.data?.writer.write(`${read.number} end ${said[1]}`);
      else socket.data?.writer.write(lineOf(read.number, said[0], JSON.stringify(said[1])));
    }
  }
}
