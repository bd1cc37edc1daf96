/** Sends HTTP/1.1 byte by byte, as no client would that tidies paths, headers and bodies; one connection a request. */
import { createConnection } from "node:net";

const TIMEOUT_MS = 20_000;
const HEAD_END = Buffer.from("\r\n\r\n");

export interface WireRequest {
  target: string;
  method?: string;
  /** Names and values as they are sent, each character one byte; Host is added when it is missing. */
  headers?: readonly (readonly [string, string])[];
  body?: string | Uint8Array;
}

export interface WireAnswer {
  /** 0 when the connection ended without an answer. */
  status: number;
  /** Status line and headers. */
  head: string;
  headers: Headers;
  /** Without the marks of its chunks. */
  body: string;
}

function unchunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n", at);
    const size = end < 0 ? 0 : Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(size > 0)) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

function readAnswer(bytes: Buffer): WireAnswer {
  const headEnd = bytes.indexOf(HEAD_END);
  const head = bytes.toString("latin1", 0, headEnd < 0 ? bytes.length : headEnd);
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const rest = headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(headEnd + HEAD_END.length);
  const isChunked = headers.get("Transfer-Encoding") === "chunked";
  const body = (isChunked ? unchunked(rest) : rest).toString("utf8");
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0), head, headers, body };
}

/** Whether all of an answer is here, on a connection that its server keeps open. */
function isWhole(bytes: Buffer): boolean {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return false;
  const head = bytes.toString("latin1", 0, headEnd);
  if (head.startsWith("HTTP/1.1 101")) return true;
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return length !== undefined && bytes.length >= headEnd + HEAD_END.length + Number(length);
}

/** The request as it is sent, but for its body. */
function headOf(host: string, request: WireRequest): Buffer {
  const { target, method = "GET", headers = [], body } = request;
  const has = (name: string): boolean => headers.some(([one]) => one.toLowerCase() === name);
  const isSized = body === undefined || has("content-length") || has("transfer-encoding");
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(has("host") ? [] : [`Host: ${host}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(isSized ? [] : [`Content-Length: ${Buffer.from(body).length}`]),
    // An upgrade is asked for by a Connection of its own.
    ...(has("connection") ? [] : ["Connection: close"]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** @param where a port of loopback, or the path of a unix socket */
export function send(where: number | string, request: WireRequest): Promise<WireAnswer> {
  const { target, method = "GET", body = "" } = request;
  const address = typeof where === "number" ? { host: "127.0.0.1", port: where } : { path: where };
  const host = typeof where === "number" ? `127.0.0.1:${where}` : "127.0.0.1";
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const socket = createConnection(address, () => {
      // In one piece: a server that answers before it has read all of it would cut the connection of a unix socket.
      socket.write(Buffer.concat([headOf(host, request), Buffer.from(body)]));
    });
    const end = (error?: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      socket.destroy();
      // A server that refuses a request may close while that is still being sent, and the answer is lost with it.
      const isCut = error?.code === "ECONNRESET" || error?.code === "EPIPE";
      if (error === undefined || isCut || bytes.length > 0) resolve(readAnswer(bytes));
      else reject(error);
    };
    const timer = setTimeout(
      () => end(new Error(`No answer to ${method} ${target} in ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
    socket.on("data", (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      if (isWhole(bytes)) end();
    });
    socket.on("error", end);
    socket.on("close", () => end());
  });
}
