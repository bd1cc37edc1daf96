/** Tests of what is recorded of requests that an API refused. */
import { expect, test } from "bun:test";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
import { recordingRefusals } from "./refused-requests.ts";

test("what was refused is recorded by its path, and what was answered is not", async () => {
  const audit = new MemoryTrail();
  const answer = recordingRefusals(
    (request) => new Response(null, { status: Number(new URL(request.url).pathname.slice(1)) }),
    audit,
  );
  const headers = { "X-Forwarded-For": "10.0.0.1, 203.0.113.9", Authorization: "Bearer hunter2" };
  for (const status of [200, 401, 403, 404, 429, 503]) {
    const url = `http://127.0.0.1/${status}?key=hunter2`;
    expect((await answer(new Request(url, { method: "POST", headers }))).status).toBe(status);
  }
  const of = (target: string, reason: string) => ({
    actor: { kind: "anonymous", name: "" },
    ...{ action: "request.refused", target, outcome: "refused", address: "203.0.113.9" },
    details: { reason, method: "POST" },
  });
  expect(audit.events).toMatchObject([
    of("/401", "no_good_key"),
    of("/403", "not_allowed"),
    of("/429", "too_many_requests"),
  ]);
  expect(JSON.stringify(audit.events)).not.toContain("hunter2");
});
