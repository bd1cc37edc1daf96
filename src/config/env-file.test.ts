/** Tests of the store of `.env`. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EnvFile, FILE_BYTES_MAX, VALUE_BYTES_MAX } from "./env-file.ts";

let folder: string;
let file: EnvFile;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-env-"));
  file = new EnvFile(join(folder, ".env"));
});
afterEach(() => rm(folder, { recursive: true }));

test("is private whatever it was before, and refuses names that are none", async () => {
  await writeFile(file.path, "# mine\n", { mode: 0o644 });
  await file.set({ KEY: "value" });
  expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  expect(await file.read()).toEqual({ KEY: "value" });
  await expect(file.set({ "a b": "x" })).rejects.toThrow('Cannot set "a b"');
  await expect(file.set({ "A\nB": "x" })).rejects.toThrow("Cannot set");
});

test("no writer can put a name there that changes how programs run, and everybody can take it out", async () => {
  await writeFile(file.path, "LD_PRELOAD=/x.so\nA=1\n");
  await expect(file.set({ NODE_OPTIONS: "x" })).rejects.toThrow("how programs run");
  await expect(file.set({ B: "2", PATH: "/x" })).rejects.toThrow("how programs run");
  expect(await file.read()).toEqual({ LD_PRELOAD: "/x.so", A: "1" });
  await file.set({ LD_PRELOAD: null });
  expect(await file.read()).toEqual({ A: "1" });
});

test.each([
  ["a NUL", "a secret\0"],
  ["half a character", "a secret\uD800"],
  ["more than an environment holds", "a secret".repeat(VALUE_BYTES_MAX)],
])("%s is refused without being shown, and nothing is written", async (_, value) => {
  const failure = await file.set({ KEY: value }).catch((error: unknown) => String(error));
  expect(failure).toMatch(/Cannot set "KEY": its value/);
  expect(failure).not.toContain("a secret");
  expect(await file.read()).toEqual({});
});

test("the whole has its limit, and a full one can be made smaller", async () => {
  const value = "x".repeat(VALUE_BYTES_MAX);
  const names = Array.from({ length: FILE_BYTES_MAX / VALUE_BYTES_MAX - 1 }, (_, n) => `KEY_${n}`);
  await file.set(Object.fromEntries(names.map((name) => [name, value])));
  await expect(file.set({ ONE_MORE: value })).rejects.toThrow("would have more than");
  await file.set({ KEY_0: null, KEY_1: "short" });
  expect(Object.keys(await file.read())).not.toContain("KEY_0");
});

test("a file that is not text is never written again, and changes at one time are all kept", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `KEY_${index}`);
  await Promise.all(names.map((name) => file.set({ [name]: "1" })));
  expect(Object.keys(await file.read())).toEqual(names);
  const damaged = Buffer.from([...Buffer.from("A=1\nB=caf"), 0xe9, 0x0a]);
  await writeFile(file.path, damaged);
  await expect(file.set({ C: "1" })).rejects.toThrow("line 2, column 6 is not UTF-8 text");
  expect((await Bun.file(file.path).bytes()).toString()).toBe(new Uint8Array(damaged).toString());
  expect(await file.read()).toMatchObject({ A: "1" });
});

test("what changes nothing writes nothing", async () => {
  await file.set({ KEY: "value" });
  const { ino } = await stat(file.path);
  await file.set({ KEY: "value", ABSENT: null });
  expect((await stat(file.path)).ino).toBe(ino);
});
