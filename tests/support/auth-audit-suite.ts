/** What must hold of the audit log as auth answers for it, on either database. */
import { afterEach, expect, spyOn, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditTrail } from "../../src/audit/trail.ts";
import { AuditPage, type AuditRecord } from "../../src/contract/audit.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";
import { AUTH_TOKEN, type AuthHarness, startAuth } from "./auth-harness.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const CALL: AuditRecord = {
  ...{ actor: { kind: "key", name: "phone" }, action: "tool.call", target: "T", outcome: "ok" },
};

interface AuditSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function authAuditSuite({ name, create }: AuditSuiteOptions): void {
  const endings: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });

  /** Auth, a process that records, and the Hub's way to ask. */
  const start = async () => {
    const spool = await mkdtemp(join(tmpdir(), "luna-auth-audit-"));
    endings.push(() => rm(spool, { recursive: true }));
    const auth: AuthHarness = await startAuth(await create(), { spool });
    endings.push(auth.close);
    const clock = (): number => auth.time.now;
    const trail = new AuditTrail({ folder: spool, process: "test", log: auth.log, clock });
    endings.push(async () => trail.close());
    const cookie = await auth.signIn();
    const page = await auth.pageOf(cookie);
    const ask = (query: Record<string, string> = {}, headers: Record<string, string> = {}) =>
      auth.request(`/auth/audit?${new URLSearchParams(query)}`, {
        headers: { Cookie: cookie, "X-Luna-Page": page, ...headers },
      });
    const pageOf = async (query: Record<string, string> = {}) =>
      AuditPage.parse(await (await ask(query)).json());
    return { auth, spool, trail, ask, pageOf };
  };

  test(`${name}: only the Hub's own pages of who is signed in see the audit log, and the command line`, async () => {
    const { auth, ask, trail } = await start();
    trail.record(CALL);
    expect((await ask()).status).toBe(200);
    for (const Cookie of ["", "luna_session=x"])
      expect((await ask({}, { Cookie })).status).toBe(401);
    for (const page of ["", "x"]) expect((await ask({}, { "X-Luna-Page": page })).status).toBe(403);
    const inside = (token: string) =>
      auth.request("/audit", { headers: { Authorization: `Bearer ${token}` } });
    expect((await inside("wrong")).status).toBe(401);
    expect(AuditPage.parse(await (await inside(AUTH_TOKEN)).json()).events).toMatchObject([CALL]);
  });

  test(`${name}: what was recorded is on the very next page, narrowed as asked, and paged`, async () => {
    const { auth, trail, pageOf } = await start();
    for (let i = 0; i < 30; i += 1) {
      trail.record({ ...CALL, target: `T${i}`, outcome: i % 3 === 0 ? "failed" : "ok" });
      auth.time.now += HOUR_MS;
    }
    expect((await pageOf()).events.length).toBe(30);
    const failed = await pageOf({ outcome: "failed", since: "10h", action: "tool", actor: "key" });
    expect(failed.events.map(({ target }) => target)).toEqual(["T27", "T24", "T21"]);
    const first = await pageOf({ limit: "20", text: "t" });
    trail.record({ ...CALL, target: "new" });
    const second = await pageOf({ limit: "20", text: "t", cursor: first.cursor ?? "" });
    expect(second.cursor).toBeNull();
    const targets = [...first.events, ...second.events].map(({ target }) => target);
    expect(targets).toEqual(Array.from({ length: 30 }, (_, i) => `T${29 - i}`));
  });

  test(`${name}: what can be read is shown when nothing can be written`, async () => {
    const { auth, spool, trail, pageOf } = await start();
    trail.record({ ...CALL, target: "kept" });
    await pageOf();
    const refusal = Object.assign(new Error("disk full"), { code: "53100" });
    const insert = spyOn(auth.database.queries, "insert").mockImplementation(() => {
      throw refusal;
    });
    trail.record({ ...CALL, target: "waiting" });
    await mkdir(join(spool, "bad-1-00000000.jsonl"));
    const targets = async (query = {}) => (await pageOf(query)).events.map(({ target }) => target);
    expect(await targets()).toEqual(["waiting", "kept"]);
    expect(await targets({ action: "sign_in" })).toEqual([]);
    insert.mockRestore();
    // A file that cannot be read does not matter either.
    expect(await targets()).toEqual(["waiting", "kept"]);
    trail.record({ ...CALL, target: "after" });
    expect(await targets()).toEqual(["after", "waiting", "kept"]);
  });

  test(`${name}: what makes no sense is told in words`, async () => {
    const { ask } = await start();
    for (const query of [
      { limit: "0" },
      { limit: "501" },
      { cursor: "x" },
      { since: "yesterday" },
      { outcome: "maybe" },
      { action: "' OR 1=1" },
      { text: "" },
      { unknown: "1" },
    ]) {
      const answer = await ask(query as Record<string, string>);
      expect({ query, status: answer.status }).toEqual({ query, status: 422 });
      expect(await answer.text()).toContain("Cannot");
    }
  });

  test(`${name}: events leave after half a year, and that is recorded`, async () => {
    const { auth, trail } = await start();
    // No session lasts so long.
    const targets = async () =>
      (await auth.auditLog.page({ limit: 10 })).events.map(({ target }) => target);
    trail.record(CALL);
    auth.time.now += DAY_MS;
    trail.record({ ...CALL, target: "younger" });
    expect(await targets()).toEqual(["younger", "T"]);
    auth.time.now += 180 * DAY_MS - HOUR_MS;
    await auth.auditLog.removeOld();
    expect(await targets()).toEqual(["younger"]);
    expect(auth.audit.events.at(-1)).toMatchObject({
      ...{ actor: { kind: "system" }, action: "audit.retention", details: { removed: 1 } },
    });
  });
}
