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

/** What goes out in one write, as far as there is as much. */
const BATCH_BYTES = 65_536;

/**
 * Writes lines in their order, those of one turn of the event loop together: each write wakes the other side up.
 * What the other side does not take yet follows once it does.
 */
export class LineWriter {
  readonly #socket: { write(bytes: Buffer): number };
  readonly #onEmpty: () => void;
  readonly #waiting: Waiting[] = [];
  #isScheduled = false;

  /** @param onEmpty called when all that was written has left */
  constructor(socket: { write(bytes: Buffer): number }, onEmpty = (): void => undefined) {
    this.#socket = socket;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  write(line: string): Written {
    const one = { begun: false, bytes: Buffer.from(line) };
    this.#waiting.push(one);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.flush());
    }
    return one;
  }

  /** Writes what waits, as far as the socket takes it; to be called when it takes more. */
  flush(): void {
    this.#isScheduled = false;
    while (this.#waiting.length > 0) {
      // Nothing, or less than nothing: it takes no more now, or never.
      const count = this.#socket.write(this.#batch());
      if (count <= 0 || !this.#gone(count)) return;
    }
    this.#onEmpty();
  }

  #batch(): Buffer {
    const [first] = this.#waiting;
    if (first === undefined || this.#waiting.length === 1) return first?.bytes ?? Buffer.of();
    let bytes = 0;
    const size = this.#waiting.findIndex((one) => {
      bytes += one.bytes.length;
      return bytes > BATCH_BYTES;
    });
    const batch = size < 0 ? this.#waiting : this.#waiting.slice(0, Math.max(1, size));
    return Buffer.concat(batch.map((one) => one.bytes));
  }

  /** Takes `count` bytes off what waits; false when they end within a line. */
  #gone(count: number): boolean {
    let left = count;
    while (left > 0) {
      const [one] = this.#waiting;
      if (one === undefined) break;
      one.begun = true;
      if (left < one.bytes.length) {
        one.bytes = one.bytes.subarray(left);
        return false;
      }
      left -= one.bytes.length;
      this.#waiting.shift();
    }
    return true;
  }
}
