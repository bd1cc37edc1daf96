/** How the live connection gets through failures. */
import { beforeEach, expect, test } from "bun:test";
import {
  LiveConnection,
  type LiveState,
  reconnectDelay,
  type SocketEvents,
} from "./live-connection.ts";

interface FakeSocket extends SocketEvents {
  isClosed: boolean;
}

let sockets: FakeSocket[];
let states: LiveState[];
let texts: string[];
let waiting: { callback: () => void; delayMs: number }[];
let connection: LiveConnection;

beforeEach(() => {
  sockets = [];
  states = [];
  texts = [];
  waiting = [];
  connection = new LiveConnection({
    open: (events) => {
      const socket = { ...events, isClosed: false };
      sockets.push(socket);
      return () => {
        socket.isClosed = true;
      };
    },
    onState: (state) => states.push(state),
    onText: (text) => texts.push(text),
    schedule: (callback, delayMs) => {
      const entry = { callback, delayMs };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    random: () => 1,
  });
  connection.start();
});

function passDelay(): number {
  const next = waiting.shift();
  if (next === undefined) throw new Error("Nothing is scheduled");
  next.callback();
  return next.delayMs;
}

test("messages come through, and a lost connection is opened again at once", () => {
  sockets[0]?.opened();
  sockets[0]?.received("one");
  sockets[0]?.closed();
  expect(passDelay()).toBe(400);
  sockets[1]?.opened();
  sockets[1]?.received("two");
  expect(states).toEqual(["live", "lost", "live"]);
  expect(texts).toEqual(["one", "two"]);
});

test("two failed upgrades in a row mean polling, a good one ends it", () => {
  sockets[0]?.closed();
  passDelay();
  sockets[1]?.closed();
  passDelay();
  sockets[2]?.opened();
  sockets[2]?.closed();
  expect(states).toEqual(["polling", "live", "lost"]);
});

test("waits grow up to a bound, and start small again after a success", () => {
  const delays: number[] = [];
  for (let i = 0; i < 6; i += 1) {
    sockets.at(-1)?.closed();
    delays.push(passDelay());
  }
  expect(delays).toEqual([400, 800, 1600, 3200, 6400, 8000]);
  sockets.at(-1)?.opened();
  sockets.at(-1)?.closed();
  expect(passDelay()).toBe(400);
  expect(reconnectDelay(2, 0)).toBe(800);
});

test("stopping closes the socket and reconnects no more", () => {
  sockets[0]?.opened();
  connection.stop();
  sockets[0]?.received("late");
  sockets[0]?.closed();
  expect(sockets[0]?.isClosed).toBe(true);
  expect(waiting).toHaveLength(0);
  expect(texts).toEqual([]);
  expect(states).toEqual(["live"]);

  connection.start();
  sockets[1]?.closed();
  expect(waiting).toHaveLength(1);
  connection.stop();
  expect(waiting).toHaveLength(0);
});
