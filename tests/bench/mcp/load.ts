/** Calls over raw connections that stay open: the load generator costs little, so the servers get the machine. */
import type { Socket } from "bun";

const TIMEOUT_MS = 30_000;
const HEAD_END = "\r\n\r\n";
const CHUNKS_END = "\r\n0\r\n\r\n";

/** In each body, the place of its id: two requests of a session may not have the same. */
export const ID = 10_000_000;
let lastId = ID;

/** One request, the same each time but for its id. */
export interface Call {
  port: number;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** With `ID` where its id belongs. */
  body: string;
  /** Must be in each answer, or nothing was measured. */
  proof: string;
}

interface Load {
  connections: number;
  calls: number;
}

/** The request as it goes over the wire. */
function textOf({ port, path, headers, body }: Call): string {
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

/** Milliseconds of each of `calls` calls, `connections` of which are under way at once. */
export async function load(call: Call, { connections, calls }: Load): Promise<number[]> {
  const [before = "", after = ""] = textOf(call).split(String(ID));
  const ms: number[] = [];
  const done = Promise.withResolvers<void>();
  const sockets: Socket<{ text: string; began: number }>[] = [];
  let left = calls;
  let open = 0;
  const next = (socket: Socket<{ text: string; began: number }>): void => {
    if (left === 0) {
      socket.end();
      open -= 1;
      if (open === 0) done.resolve();
      return;
    }
    left -= 1;
    socket.data = { text: "", began: performance.now() };
    lastId += 1;
    socket.write(before + lastId + after);
  };
  const took = (socket: Socket<{ text: string; began: number }>, piece: Buffer): void => {
    socket.data.text += piece.toString("latin1");
    const { text, began } = socket.data;
    const end = endOf(text);
    if (end === undefined) return;
    ms.push(performance.now() - began);
    if (!text.startsWith("HTTP/1.1 200") || !text.includes(call.proof)) {
      done.reject(new Error(`${call.path} answered something else: ${text}`));
      return;
    }
    next(socket);
  };
  const late = setTimeout(() => done.reject(new Error("The calls take too long")), TIMEOUT_MS);
  try {
    for (let n = 0; n < connections; n += 1) {
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port: call.port,
        data: { text: "", began: 0 },
        socket: {
          data: took,
          close: () => {
            if (left > 0) done.reject(new Error(`${call.path}: the connection was closed`));
          },
        },
      });
      sockets.push(socket);
    }
    open = sockets.length;
    for (const socket of sockets) next(socket);
    await done.promise;
  } finally {
    clearTimeout(late);
    for (const socket of sockets) socket.end();
  }
  return ms;
}
