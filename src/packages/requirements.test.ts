/** Lists of Python packages: what counts as a package, what is refused, and what was always there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { impliedBy, importsIn } from "./implied-requirements.ts";
import { readRequirements } from "./requirements.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "luna-requirements-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(root, name), text);
const read = (trusted = false) => readRequirements(["requirements.txt"], { root, trusted });

test("packages, what is included, and constraints; each line once", async () => {
  write(
    "requirements.txt",
    "\uFEFF# all\nb==1.0 # why\na[x, y]>=2,<3 ; python_version > '3.8'\nb==1.0\n\n-r more.txt\n-cfixed.txt\nc \\\n  --hash=sha256:00\n--pre\n",
  );
  write("more.txt", "d\n");
  write("fixed.txt", "e==1\n");
  expect(await read()).toEqual({
    lines: [
      "--pre",
      "a[x, y]>=2,<3 ; python_version > '3.8'",
      "b==1.0",
      "c    --hash=sha256:00",
      "d",
    ],
    constraints: ["e==1"],
  });
});

test.each([
  ["--index-url http://x/", true],
  ["-i http://x/", true],
  ["--extra-index-url=http://x/", true],
  ["-f http://x/", true],
  ["--trusted-host x", true],
  ["--no-binary :all:", true],
  ["https://x/y.whl", true],
  ["git+https://x/y", true],
  ["a @ https://x/y.whl", true],
  ["-e .", false],
  ["--editable ./x", false],
  ["./x", false],
  ["/etc/x.whl", false],
  ["a @ file:///etc/x.whl", false],
])("%s is refused, unless scripts are trusted: %p", async (line, isForTrusted) => {
  write("requirements.txt", `a\n${line}\n`);
  await expect(read()).rejects.toThrow(`"requirements.txt": "${line}" is`);
  if (isForTrusted) expect((await read(true)).lines).toContain(line);
  else await expect(read(true)).rejects.toThrow(line);
});

test.each([
  ["-r ../elsewhere.txt", "lies outside"],
  ["-r missing.txt", "there is no such file"],
  ["-r requirements.txt", "it includes too much"],
])("%s is refused: %s", async (line, why) => {
  write("requirements.txt", line);
  await expect(read()).rejects.toThrow(why);
});

test("what a file imports brings the package that it was used to find", () => {
  const source = `
import os, requests as r
from core.utils.db import get_db
    from langchain_openai import ChatOpenAI
import dotenv  # later
import fastapi.responses
# import yaml`;
  const modules = importsIn(source);
  expect(modules).toEqual([
    "os",
    "requests",
    "core.utils.db",
    "langchain_openai",
    "dotenv",
    "fastapi.responses",
  ]);
  expect(impliedBy(modules, ["Requests==2"])).toEqual([
    "fastapi",
    "langchain-openai",
    "psycopg[binary]",
  ]);
});
