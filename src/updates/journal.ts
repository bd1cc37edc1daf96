/** The journal of a run: a line for each thing that happens, on the disk before it counts. */
import { existsSync } from "node:fs";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RunEvent, type RunEvents } from "../contract/run.ts";
import { messageOf, NotFoundError, UnavailableError } from "../lib/errors.ts";
import { PRIVATE_MODE } from "../lib/files.ts";

const SUFFIX = ".jsonl";
const NEWLINE = 0x0a;
/** One answer of `eventsOf`. */
const EVENTS_MAX = 1_000;
const TEXT_LENGTH_MAX = 2_000;

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An event without its time, which is that of its writing. */
export type NewEvent = DistributiveOmit<RunEvent, "at">;

export function journalPath(folder: string, id: string): string {
  return join(folder, id + SUFFIX);
}

/** The ids of all runs, the newest first: they are UUIDs of version 7. */
export async function journalIds(folder: string): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const ids = names.flatMap((name) =>
    name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : [],
  );
  return ids.sort().reverse();
}

/** The whole lines of a journal from `offset` on; a last line that a kill cut off never counted. */
async function linesFrom(path: string, offset: number) {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new NotFoundError(`Cannot find the run "${basename(path, SUFFIX)}": there is none`);
    }
    throw error;
  });
  const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
  return { bytes: whole, from: Math.min(Math.max(0, offset), whole.length) };
}

function parseLine(line: string): RunEvent | undefined {
  try {
    return RunEvent.parse(JSON.parse(line));
  } catch {
    // Of another version, or changed by hand: what it said is not known, all the rest is.
    return undefined;
  }
}

/** @throws NotFoundError when there is no such run */
export async function readEvents(path: string, after = 0): Promise<RunEvents> {
  const { bytes, from } = await linesFrom(path, after);
  const events: RunEvent[] = [];
  let cursor = from;
  while (cursor < bytes.length && events.length < EVENTS_MAX) {
    const end = bytes.indexOf(NEWLINE, cursor);
    const event = parseLine(bytes.toString("utf8", cursor, end));
    if (event !== undefined) events.push(event);
    cursor = end + 1;
  }
  const lastLine = bytes.toString("utf8", bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1);
  return { events, cursor, ended: parseLine(lastLine)?.event === "end" };
}

/** All events, however many. */
export async function readAllEvents(path: string): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for (let after = 0; ; ) {
    const { events, cursor } = await readEvents(path, after);
    all.push(...events);
    if (cursor === after) return all;
    after = cursor;
  }
}

export function removeJournal(folder: string, id: string): Promise<void> {
  return rm(journalPath(folder, id), { force: true });
}

function shortened(event: NewEvent): NewEvent {
  if (event.event !== "log" || event.text.length <= TEXT_LENGTH_MAX) return event;
  return { ...event, text: `${event.text.slice(0, TEXT_LENGTH_MAX)}…` };
}

export class Journal {
  readonly path: string;
  readonly #onEvent: (event: RunEvent) => void;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string, onEvent: (event: RunEvent) => void) {
    this.path = path;
    this.#onEvent = onEvent;
  }

  /**
   * Settles when the line is on the disk.
   * @throws UnavailableError when the disk refuses it: what it would have told must not be done
   */
  append(event: NewEvent): Promise<void> {
    const result = this.#turn.then(() => this.#append(event));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** A line that nothing depends on: on a full disk it is missing. */
  async tell(unit: number, text: string): Promise<void> {
    await this.append({ event: "log", unit, text }).catch(() => undefined);
  }

  async #append(event: NewEvent): Promise<void> {
    const told = RunEvent.parse({ at: new Date().toISOString(), ...shortened(event) });
    try {
      const isNew = !existsSync(this.path);
      const file = await open(this.path, "a+", PRIVATE_MODE);
      try {
        await endLine(file);
        await file.appendFile(`${JSON.stringify(told)}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
      if (isNew) await syncFolder(dirname(this.path));
    } catch (cause) {
      throw new UnavailableError(
        `Cannot write "${this.path}": ${messageOf(cause)}; make sure that its disk has room and can be written`,
        { cause },
      );
    }
    this.#onEvent(told);
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

/** What a kill or a full disk left of a line is cut off: it must not become the beginning of the next one. */
async function endLine(file: OpenFile): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  if (last[0] === NEWLINE) return;
  const text = Buffer.alloc(size);
  await file.read(text, 0, size, 0);
  await file.truncate(text.lastIndexOf(NEWLINE) + 1);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
