/** Tests of what is recorded of requests that an API refused. */
import { expect, test } from "bun:test";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
import { until } from "../../tests/support/until.ts";
import { noteRefusal, recordingRefusals } from "./refused-requests.ts";

test("a Host of which no address can be made is refused all the same", async () => {
  const answers: string[] = [];
  const refuse = () => new Response(null, { status: 403 });
  const answer = recordingRefusals(refuse, new MemoryTrail());
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  try {
    for (const host of ["127.0.0.1/?", "localhost#", "[", "a b"]) {
      const socket = await Bun.connect({
        ...{ hostname: "127.0.0.1", port: server.port ?? 0 },
        socket: {
          data: (one, bytes) => {
            answers.push(bytes.toString().slice(0, 12));
            one.end();
          },
        },
      });
      socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const count = answers.length;
      await until(() => answers.length > count);
    }
    // Some are refused by Bun itself.
    for (const line of answers) expect(line).toMatch(/^HTTP\/1\.1 40[03]$/);
  } finally {
    await server.stop(true);
  }
});

test("what a guard knows of a refusal is recorded in place of its status", async () => {
  const audit = new MemoryTrail();
  const actor = { kind: "client", name: "Claude" } as const;
  const answer = recordingRefusals((request) => {
    noteRefusal(request, { reason: "its token has expired", actor });
    return new Response(null, { status: request.url.endsWith("/good") ? 200 : 401 });
  }, audit);
  for (const path of ["good", "bad"]) await answer(new Request(`http://127.0.0.1/${path}`));
  expect(audit.events).toMatchObject([
    { actor, target: "/bad", details: { reason: "its token has expired", method: "GET" } },
  ]);
});

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
