/** Auth on a real Postgres: the same rules as on SQLite, and a server that crashes beneath it. */
import { afterAll, expect, test } from "bun:test";
import connect from "postgres";
import { FOUND_LIFETIME_MS } from "../../src/services/auth/found-sessions.ts";
import { accountSuite } from "../support/auth-account-suite.ts";
import { authAuditSuite } from "../support/auth-audit-suite.ts";
import { githubSuite } from "../support/auth-github-suite.ts";
import { startAuth } from "../support/auth-harness.ts";
import { oauthSuite } from "../support/auth-oauth-suite.ts";
import { passkeySuite } from "../support/auth-passkey-suite.ts";
import { authSuite } from "../support/auth-suite.ts";
import { startPostgres } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const server = await startPostgres();
afterAll(() => server.remove());

const create = () => server.createDatabase();
authSuite({ name: "postgres", create });
accountSuite({ name: "postgres", create });
authAuditSuite({ name: "postgres", create });
githubSuite({ name: "postgres", create });
passkeySuite({ name: "postgres", create });
oauthSuite({ name: "postgres", create });

test("a database that hangs holds a request ten seconds, not for ever", async () => {
  const settings = await server.createDatabase();
  const auth = await startAuth(settings);
  const cookie = await auth.signIn();
  if ("url" in settings.connection) throw new Error("this test wants the parts of the address");
  const locker = connect({ ...settings.connection, max: 1 });
  await locker.begin(async (transaction) => {
    await transaction`LOCK TABLE luna_sessions IN ACCESS EXCLUSIVE MODE`;
    const answer = await auth.verify({ Cookie: cookie });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(await answer.text()).toContain("the database is too slow");
  });
  await locker.end();
  expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
  await auth.close();
}, 30_000);

test("while Postgres is away auth says so, and goes on when it is back", async () => {
  const auth = await startAuth(await server.createDatabase());
  const cookie = await auth.signIn();
  expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
  await server.crash();
  for (let i = 0; i < 3; i += 1) {
    // Until then the session is believed that was found just now.
    auth.time.now += FOUND_LIFETIME_MS;
    const answer = await auth.verify({ Cookie: cookie });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("Cannot use Luna's database right now");
  }
  await server.start();
  await until(async () => (await auth.verify({ Cookie: cookie })).status === 204, {
    what: "auth to find Postgres again",
  });
  await auth.close();
}, 30_000);
