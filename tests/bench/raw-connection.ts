/** A connection that stays open for one request after another: it costs the load generator little, so the servers get the machine. */
import type { Socket } from "bun";

const HEAD_END = "\r\n\r\n";
const CHUNKS_END = "\r\n0\r\n\r\n";

/** Where the answer that begins `text` ends; undefined while some of it is missing. */
function endOf(text: string): number | undefined {
  const head = text.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1];
  if (length !== undefined) {
    const end = head + HEAD_END.length + Number(length);
    return text.length < end ? undefined : end;
  }
  const chunks = text.indexOf(CHUNKS_END, head);
  return chunks < 0 ? undefined : chunks + CHUNKS_END.length;
}

interface Posted {
  port: number;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** The request as it goes over the wire. */
export function postText({ port, path, headers, body }: Posted): string {
  const all = {
    Host: `127.0.0.1:${port}`,
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

export class RawConnection {
  #socket: Socket | undefined;
  #text = "";
  #waiting: PromiseWithResolvers<string> | undefined;

  static async open(port: number): Promise<RawConnection> {
    const connection = new RawConnection();
    connection.#socket = await Bun.connect({
      ...{ hostname: "127.0.0.1", port },
      socket: {
        data: (_, piece) => connection.#take(piece),
        close: () => connection.#waiting?.reject(new Error("The connection was closed")),
      },
    });
    return connection;
  }

  /** Sends a request when the one before is answered. @returns head and body of the answer, a character for each byte */
  ask(request: string): Promise<string> {
    this.#text = "";
    this.#waiting = Promise.withResolvers();
    this.#socket?.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket?.end();
  }

  #take(piece: Buffer): void {
    this.#text += piece.toString("latin1");
    if (endOf(this.#text) === undefined) return;
    const { resolve } = this.#waiting ?? {};
    this.#waiting = undefined;
    resolve?.(this.#text);
  }
}
