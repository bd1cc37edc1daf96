/** Tests of auth on SQLite, and of a database that fails beneath it. */
import { Database as SqliteClient } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accountSuite } from "../../../tests/support/auth-account-suite.ts";
import { authAuditSuite } from "../../../tests/support/auth-audit-suite.ts";
import { githubSuite } from "../../../tests/support/auth-github-suite.ts";
import { startAuth } from "../../../tests/support/auth-harness.ts";
import { oauthSuite } from "../../../tests/support/auth-oauth-suite.ts";
import { passkeySuite } from "../../../tests/support/auth-passkey-suite.ts";
import { authSuite } from "../../../tests/support/auth-suite.ts";
import { LAST_SEEN_INTERVAL_MS } from "./sessions.ts";

const folder = await mkdtemp(join(tmpdir(), "luna-auth-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const create = async () => ({
  dialect: "sqlite" as const,
  path: join(folder, `${++count}.db`),
});

authSuite({ name: "sqlite", create });
accountSuite({ name: "sqlite", create });
authAuditSuite({ name: "sqlite", create });
githubSuite({ name: "sqlite", create });
passkeySuite({ name: "sqlite", create });
oauthSuite({ name: "sqlite", create });

test("a session whose use cannot be written down is good all the same", async () => {
  const settings = await create();
  const auth = await startAuth(settings);
  const cookie = await auth.signIn();
  const client = new SqliteClient(settings.path);
  client.run(
    "CREATE TRIGGER full BEFORE UPDATE ON luna_sessions BEGIN SELECT RAISE(FAIL, 'no room'); END",
  );
  client.close();
  auth.time.now += LAST_SEEN_INTERVAL_MS;
  expect((await auth.verify({ Cookie: cookie })).status).toBe(204);
  expect(auth.log.lines.join("\n")).toContain("Cannot write down the use of a session");
  await auth.close();
});

test("what nobody foresaw in the database is a 500 that tells nothing", async () => {
  const settings = await create();
  const auth = await startAuth(settings);
  const cookie = await auth.signIn();
  const client = new SqliteClient(settings.path);
  client.run("DROP TABLE luna_sessions");
  client.close();
  const answer = await auth.verify({ Cookie: cookie });
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("luna_sessions");
  await auth.close();
});
