/** The way of events into the database, with both of its ends killed at random: each that was recorded is there once. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventLog } from "../../src/audit/event-log.ts";
import { Ingest } from "../../src/audit/ingest.ts";
import { segmentsIn } from "../../src/audit/spool.ts";
import { openDatabase } from "../../src/db/open.ts";
import { createLogger } from "../../src/lib/log.ts";
import { chance } from "../support/random.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;
const SEED = 20_261_125;
const WRITERS = 4;
/** Each writer is killed so often at least, and followed by another one; and so often the reader. */
const LIVES_MIN = 4;
const DEATHS_MIN = 5;
const KILL_AFTER_EVENTS_MAX = 400;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-audit-faults-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const WRITER = new URL("../support/audit-writer.ts", import.meta.url);
const INGESTER = new URL("../support/audit-ingester.ts", import.meta.url);

function script({ pathname }: URL, ...args: string[]) {
  return Bun.spawn([process.execPath, pathname, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Lets a writer record `count` events at least, kills it, and returns how many it said it had recorded. */
async function liveAndDie(spool: string, name: string, count: number): Promise<number> {
  const child = script(WRITER, spool, name);
  let said = "";
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.split("\n").length > count && child.exitCode === null) child.kill("SIGKILL");
  }
  await child.exited;
  return said.split("\n").length - 1;
}

test(
  "writers and reader are killed at any moment, and every recorded event is there exactly once",
  async () => {
    const random = chance(SEED);
    const spool = join(folder, "spool");
    const path = join(folder, "luna.db");
    await (await openDatabase({ dialect: "sqlite", path })).close();
    let isOver = false;
    let deaths = 0;
    const reading = (async () => {
      while (!isOver) {
        const child = script(INGESTER, spool, path);
        const lifeMs = 20 + random.next() * 500;
        const reader = child.stdout.getReader();
        // It is at work from then on, and dies somewhere in the middle of it.
        await reader.read();
        setTimeout(() => child.kill("SIGKILL"), lifeMs);
        await child.exited;
        deaths += 1;
      }
    })();
    const recorded = new Map<string, number>();
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        for (let life = 0; life < LIVES_MIN || deaths < DEATHS_MIN; life += 1) {
          const name = `w${writer}-${life}`;
          const count = 1 + Math.floor(random.next() * KILL_AFTER_EVENTS_MAX);
          recorded.set(name, await liveAndDie(spool, name, count));
        }
      }),
    );
    isOver = true;
    await reading;

    const database = await openDatabase({ dialect: "sqlite", path });
    const ingest = new Ingest({
      ...{ folder: spool, events: new EventLog(database), log: createLogger("test") },
    });
    await until(async () => {
      await ingest.drain();
      return segmentsIn(spool).length === 0;
    });
    await database.close();
    expect([...new Bun.Glob("*").scanSync(spool)]).toEqual([]);

    const client = new Database(path, { readonly: true });
    const rows = client
      .query<{ name: string; count: number; different: number; last: number }, []>(
        `SELECT actor_name AS name, count(*) AS count, count(DISTINCT target) AS different,
           max(CAST(target AS INTEGER)) AS last FROM luna_audit GROUP BY actor_name`,
      )
      .all();
    client.close();
    expect(rows.map(({ name }) => name).sort()).toEqual([...recorded.keys()].sort());
    let sum = 0;
    for (const { name, count, different, last } of rows) {
      expect({ name, different, last }).toEqual({ name, different: count, last: count - 1 });
      // It may have recorded more than it came to tell of.
      expect(count).toBeGreaterThanOrEqual(recorded.get(name) ?? Number.POSITIVE_INFINITY);
      sum += count;
    }
    expect(sum).toBeGreaterThan(WRITERS * LIVES_MIN);
    process.stderr.write(`${sum} events of ${recorded.size} writers; ${deaths} readers died\n`);
  },
  TIMEOUT_MS,
);
