/** Tests of what Docker's answers mean. */
import { expect, test } from "bun:test";
import { dockerFault } from "./docker.ts";

const exit = (code: number, said: string) => dockerFault({ how: "exit", code, said });

test("one that answers with its version is there", () => {
  expect(exit(0, "20.10.24+dfsg1\n")).toBeUndefined();
});

test.each([
  [exit(127, "sh: 1: docker: not found"), "is not there"],
  [exit(1, "Got permission denied while trying to connect to the Docker daemon socket"), "may not"],
  [exit(1, "Cannot connect to the Docker daemon"), "does not run"],
  [exit(0, "hello"), "does not answer as Docker does"],
  [dockerFault({ how: "timeout", after_ms: 5_000, said: "" }), "does not answer"],
  [dockerFault({ how: "not_started", why: "EAGAIN", said: "" }), "does not run"],
])("%#", (fault, title) => {
  expect(fault?.title).toContain(title);
  expect(fault?.fix).not.toBe("");
});
