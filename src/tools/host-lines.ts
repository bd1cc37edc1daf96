/** The lines of a tool host's socket, `<number> <word> <JSON>`: bounded, however the other side cuts them into pieces. */

const NEWLINE = 10;

/** One line; its number is the exchange's, which the caller chose. */
export interface HostLine {
  number: number;
  word: string;
  json: string;
}

export function lineOf(number: number, word: string, json: string): string {
  return `${number} ${word} ${json}\n`;
}

/** Reads a line without its end; undefined for what is none. */
export function readLine(line: string): HostLine | undefined {
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const number = Number(line.slice(0, Math.max(0, first)));
  if (second < 0 || !Number.isSafeInteger(number)) return undefined;
  return { number, word: line.slice(first + 1, second), json: line.slice(second + 1) };
}

/** Puts the pieces that come over a socket together to lines. */
export class LineReader {
  readonly #take: (line: string) => void;
  /** Of the line that has not ended. */
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param take gets each line without its end */
  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** @returns how many bytes there are of a line that has not ended: what is too many is the caller's to say */
  add(piece: Buffer): number {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      const last = piece.subarray(start, end);
      const line = this.#bytes === 0 ? last : Buffer.concat([...this.#pieces, last]);
      start = end + 1;
      this.#pieces = [];
      this.#bytes = 0;
      this.#take(line.toString());
    }
    if (start < piece.length) {
      this.#pieces.push(piece.subarray(start));
      this.#bytes += piece.length - start;
    }
    return this.#bytes;
  }
}

/** What became of a line that was written. */
export interface Written {
  /** Whether the other side has any of it: what has not begun never arrives once the connection is closed. */
  begun: boolean;
}

interface Waiting extends Written {
  bytes: Buffer;
}

/** Writes lines in their order, and what the other side does not take yet once it does. */
export class LineWriter {
  readonly #socket: { write(bytes: Buffer): number };
  readonly #waiting: Waiting[] = [];

  constructor(socket: { write(bytes: Buffer): number }) {
    this.#socket = socket;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  write(line: string): Written {
    const one = { begun: false, bytes: Buffer.from(line) };
    this.#waiting.push(one);
    if (this.#waiting.length === 1) this.flush();
    return one;
  }

  /** To be called when the socket takes more. */
  flush(): void {
    for (let one = this.#waiting[0]; one !== undefined; one = this.#waiting[0]) {
      // Nothing, or less than nothing: it takes no more now, or never.
      const count = this.#socket.write(one.bytes);
      if (count <= 0) return;
      one.begun = true;
      if (count < one.bytes.length) {
        one.bytes = one.bytes.subarray(count);
        return;
      }
      this.#waiting.shift();
    }
  }
}
