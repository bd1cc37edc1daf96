/** What must hold of the audit log in either dialect: run by the fast tests on SQLite, and on a real Postgres. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asc, eq } from "drizzle-orm";
import { EventLog } from "../../src/audit/event-log.ts";
import { type AuditFilter, matches } from "../../src/audit/filter.ts";
import { Ingest } from "../../src/audit/ingest.ts";
import { readAuditPage } from "../../src/audit/reading.ts";
import { Retention } from "../../src/audit/retention.ts";
import { segmentsIn } from "../../src/audit/spool.ts";
import { AuditTrail } from "../../src/audit/trail.ts";
import type { AuditEvent, AuditRecord } from "../../src/contract/audit.ts";
import type { Database } from "../../src/db/database.ts";
import { openDatabase, openDatabaseToRead } from "../../src/db/open.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { createLogger } from "../../src/lib/log.ts";
import { someEvent } from "./audit-events.ts";
import { chance } from "./random.ts";

const START = 1_800_000_000_000;
const DAY_MS = 24 * 60 * 60_000;
/** Little, so that a few hundred events are many steps. */
const SEARCH = { stepRows: 50, rowsMax: 200 };

const newestFirst = (events: readonly AuditEvent[]): AuditEvent[] =>
  events.toSorted((one, other) => (one.id < other.id ? 1 : -1));

async function addAll(log: EventLog, events: readonly AuditEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += 100) await log.add(events.slice(at, at + 100));
}

/** Follows the cursors to the end; `between` runs before each page but the first. */
async function allPages(
  events: EventLog,
  filter: AuditFilter,
  { limit = 7, between = async () => {} }: { limit?: number; between?: () => Promise<void> } = {},
): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await readAuditPage({ filter, cursor, limit }, { events });
    expect(page.events.length).toBeLessThanOrEqual(limit);
    found.push(...page.events);
    if (page.cursor === null) return found;
    cursor = page.cursor;
    await between();
  }
}

interface AuditSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function auditSuite({ name, create }: AuditSuiteOptions): void {
  let folder: string;
  const opened: Database[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "luna-audit-"));
  });
  afterAll(async () => {
    for (const database of opened) await database.close();
    await rm(folder, { recursive: true, force: true });
  });
  const open = async (settings?: DatabaseSettings): Promise<Database> => {
    const database = await openDatabase(settings ?? (await create()));
    opened.push(database);
    return database;
  };
  const lines: string[] = [];
  const log = createLogger("test", [], (line) => lines.push(line));

  test(`${name}: the audit log gives back what it was given, each event once`, async () => {
    const events = new EventLog(await open());
    const random = chance(1);
    const given = Array.from({ length: 150 }, (_, i) => someEvent(START + i, random));
    await addAll(events, given);
    await addAll(events, [...given.slice(50), someEvent(START + 999, random)]);
    const found = await allPages(events, {});
    expect(found.slice(1)).toEqual(newestFirst(given));
    expect(found.length).toBe(151);
  });

  test(`${name}: the audit log is append-only, and ends at its oldest alone`, async () => {
    const database = await open();
    const { queries, tables } = database;
    const events = new EventLog(database);
    const given = Array.from({ length: 3 }, (_, i) => someEvent(START + i, chance(i)));
    const [oldest, middle, newest] = given;
    if (oldest === undefined || middle === undefined || newest === undefined) throw new Error();
    await events.add(given);
    const { id } = tables.audit;
    const change = async () => queries.update(tables.audit).set({ outcome: "ok" });
    await expect(change()).rejects.toThrow();
    const conflict = { target: id, set: { action: "forged" } };
    const row = (await queries.select().from(tables.audit).where(eq(id, middle.id)))[0];
    if (row === undefined) throw new Error();
    const replace = async () =>
      queries.insert(tables.audit).values(row).onConflictDoUpdate(conflict);
    // SQLite ignores the row, Postgres refuses the statement.
    await replace().catch(() => undefined);
    for (const one of [middle, newest]) {
      const remove = async () => queries.delete(tables.audit).where(eq(id, one.id));
      await expect(remove()).rejects.toThrow();
    }
    expect(await allPages(events, {})).toEqual(newestFirst(given));
    await queries.delete(tables.audit).where(eq(id, oldest.id));
    expect(await allPages(events, {})).toEqual([newest, middle]);
    await queries.delete(tables.audit);
    expect(await allPages(events, {})).toEqual([]);
  });

  test(`${name}: every filter finds exactly what it says, page by page`, async () => {
    const events = new EventLog(await open(), SEARCH);
    const random = chance(7);
    const given = Array.from({ length: 300 }, (_, i) => someEvent(START + i * 10, random));
    await addAll(events, given);
    const choose = <T>(values: readonly T[]): T | undefined =>
      random.next() < 0.5 ? undefined : random.pick(values);
    let found = 0;
    for (let i = 0; i < 60; i += 1) {
      const filter: AuditFilter = {
        action: choose(["sign_in", "sign", "key", "key.", "tool.call", "x"]),
        actor: choose(["owner", "key", "phone", "anonymous", "x"]),
        outcome: choose(["ok", "refused", "failed"] as const),
        text: choose(["notes", "%", "_", "!", "'", "ÄÖ", "\\", "2001:DB8", '"list":[1', "x"]),
        since: choose([START, START + 1_000, START + 2_000]),
        until: choose([START, START + 2_000, START + 2_999]),
      };
      const wanted = newestFirst(given.filter((event) => matches(event, filter)));
      const limit = random.pick([1, 7, 50, 500]);
      expect({ filter, events: await allPages(events, filter, { limit }) }).toEqual({
        filter,
        events: wanted,
      });
      found += wanted.length;
    }
    expect(found).toBeGreaterThan(100);
  });

  test(`${name}: pages stay whole and the same while new events come`, async () => {
    const events = new EventLog(await open(), SEARCH);
    const random = chance(9);
    const given = Array.from({ length: 100 }, (_, i) => someEvent(START + i * 10, random));
    await addAll(events, given);
    let now = START + 10_000;
    const between = async (): Promise<void> => {
      now += 1;
      await events.add([someEvent(now, random)]);
    };
    expect(await allPages(events, {}, { between })).toEqual(newestFirst(given));
    // One that was recorded earlier and comes late has its place in what is still to be read.
    const late = someEvent(START - 1, random);
    const [first, ...rest] = await allPages(
      events,
      { until: START + 1_000 },
      {
        between: () => events.add([late]),
      },
    );
    expect(first).toEqual(given.at(-1));
    expect(rest).toEqual([...newestFirst(given).slice(1), late]);
  });

  test(`${name}: a search answers after a bounded number of rows, and can be gone on with`, async () => {
    const events = new EventLog(await open(), SEARCH);
    const random = chance(3);
    const given = Array.from({ length: 450 }, (_, i) => ({
      ...someEvent(START + i, random),
      target: i === 0 ? "the needle" : null,
    }));
    await addAll(events, given);
    const request = { filter: { text: "needle" }, limit: 10 };
    const first = await readAuditPage(request, { events });
    expect(first.events).toEqual([]);
    expect(first.cursor).not.toBeNull();
    expect((await allPages(events, request.filter)).map(({ id }) => id)).toEqual([
      given[0]?.id ?? "",
    ]);
  });

  test(`${name}: what is too old is removed, and what is too much, the oldest first`, async () => {
    const database = await open();
    const events = new EventLog(database);
    const retention = new Retention(database);
    const random = chance(5);
    const old = Array.from({ length: 2_500 }, (_, i) => someEvent(START + i, random));
    const young = Array.from({ length: 1_500 }, (_, i) => someEvent(START + DAY_MS + i, random));
    await addAll(events, [...old, ...young]);
    const now = START + 2 * DAY_MS;
    const limits = { retention_days: 2, events_max: 4_000 };
    expect(await retention.apply(limits, now)).toBe(0);
    expect(await retention.apply({ ...limits, retention_days: 1 }, now)).toBe(2_500);
    expect(await retention.apply({ ...limits, events_max: 1_000 }, now)).toBe(500);
    const { tables, queries } = database;
    const left = await queries
      .select({ id: tables.audit.id })
      .from(tables.audit)
      .orderBy(asc(tables.audit.id));
    expect(left.map(({ id }) => id)).toEqual(young.slice(500).map(({ id }) => id));
  });

  test(`${name}: events reach the database once, whatever fails meanwhile`, async () => {
    const settings = await create();
    const database = await open(settings);
    const spool = join(folder, `${name}-spool`);
    const events = new EventLog(database);
    const record: AuditRecord = {
      ...{ actor: { kind: "local", name: "test" }, action: "tool.call", outcome: "ok" },
    };
    const writer = (): AuditTrail =>
      new AuditTrail({ folder: spool, process: "test", segmentBytes: 5_000, log });
    const [one, two] = [writer(), writer()];
    const count = async (): Promise<number> => (await allPages(events, {}, { limit: 500 })).length;
    for (let i = 0; i < 100; i += 1) for (const trail of [one, two]) trail.record(record);
    // A database that is away loses nothing.
    const away = {
      add: () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" })),
    };
    const stuck = new Ingest({ folder: spool, events: away, log });
    await expect(stuck.drain()).rejects.toThrow();
    const before = segmentsIn(spool).length;
    expect(before).toBeGreaterThan(8);
    const ingest = new Ingest({ folder: spool, events, log });
    await Promise.all([ingest.drain(), ingest.drain(), ingest.drain()]);
    expect(await count()).toBe(200);
    // Only what is still written to is kept.
    expect(segmentsIn(spool).length).toBe(2);
    one.record(record);
    await ingest.drain();
    expect(await count()).toBe(201);
    // A restart begins with everything that lies there, and adds nothing twice.
    two.record(record);
    await new Ingest({ folder: spool, events, log }).drain();
    expect(await count()).toBe(202);
    one.close();
    two.close();
    await ingest.drain();
    expect(segmentsIn(spool)).toEqual([]);
    expect(await count()).toBe(202);
  });

  test(`${name}: a line that is no event holds up no other, and is not thrown away`, async () => {
    const spool = join(folder, `${name}-broken`);
    const events = new EventLog(await open());
    const trail = new AuditTrail({ folder: spool, process: "test", log });
    const name_ = "a".repeat(300);
    trail.record({ actor: { kind: "local", name: name_ }, action: "one", outcome: "ok" });
    const [path = ""] = segmentsIn(spool);
    const event = { ...someEvent(START, chance(2)), target: "nul \0", action: "nul" };
    const text = await Bun.file(path).text();
    const half = text.slice(0, 20);
    await Bun.write(path, `${text}{"id":1}\nnonsense\n${JSON.stringify(event)}\n${half}`);
    trail.close();
    await new Ingest({ folder: spool, events, log }).drain();
    const actions = (await allPages(events, {})).map(({ action }) => action);
    // Postgres keeps no NUL in a text.
    expect(actions.filter((action) => action !== "nul")).toEqual(["one"]);
    expect(segmentsIn(spool)).toEqual([]);
    expect(await Bun.file(`${path}.unreadable`).text()).toContain("nonsense");
    expect(lines.join("")).toContain("are no events");
    await truncate(`${path}.unreadable`);
  });

  test(`${name}: a segment that cannot be read holds up no other`, async () => {
    const spool = join(folder, `${name}-unreadable`);
    const events = new EventLog(await open());
    // Whatever the folder's order, one of them is listed before the good one.
    const bad = Array.from({ length: 20 }, (_, i) => `bad-${i}-0000000${i % 10}.jsonl`);
    for (const one of bad) await mkdir(join(spool, one), { recursive: true });
    const trail = new AuditTrail({ folder: spool, process: "test", log });
    trail.record({ actor: { kind: "local", name: "test" }, action: "good", outcome: "ok" });
    trail.close();
    await expect(new Ingest({ folder: spool, events, log }).drain()).rejects.toThrow("EISDIR");
    expect((await allPages(events, {})).map(({ action }) => action)).toEqual(["good"]);
    expect(segmentsIn(spool).length).toBe(bad.length);
  });

  test(`${name}: the database can be read while Luna is down, and only as far as it is there`, async () => {
    const settings = await create();
    expect(await openDatabaseToRead(settings)).toBeUndefined();
    const random = chance(4);
    const given = Array.from({ length: 20 }, (_, i) => someEvent(START + i, random));
    const database = await openDatabase(settings);
    await new EventLog(database).add(given.slice(0, 15));
    await database.close();
    const reading = await openDatabaseToRead(settings);
    if (reading === undefined) throw new Error("The database should be there");
    opened.push(reading);
    const events = new EventLog(reading);
    await expect((async () => events.add(given))()).rejects.toThrow();
    // What waits in the spool, in part in the database already, has its place.
    const found: AuditEvent[] = [];
    let cursor: string | undefined;
    do {
      const sources = { events, waiting: given.slice(10) };
      const page = await readAuditPage({ filter: {}, cursor, limit: 3 }, sources);
      found.push(...page.events);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    expect(found).toEqual(newestFirst(given));
    const alone = await readAuditPage(
      { filter: {}, limit: 50 },
      { events: undefined, waiting: given },
    );
    expect(alone).toEqual({ events: newestFirst(given), cursor: null });
  });
}
