/** Tests that what is packed comes out of other programs as it went in. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packFolder } from "./pack.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-pack-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string, mode = 0o644): void {
  const file = join(folder, "from", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

test("files come out with their names, contents and whether they run; links and what is left out do not", async () => {
  const long = `${"deep/".repeat(30)}${"x".repeat(90)}/übung.txt`;
  write("config.json", "{}");
  write("empty", "");
  write("ui/start.sh", "#!/bin/sh\n", 0o755);
  write(long, "long");
  write("node_modules/zod/index.js", "no");
  symlinkSync("/etc/passwd", join(folder, "from/link"));
  const packed = await packFolder(join(folder, "from"), {
    ...{ prefix: "demo", isLeftOut: (name) => name === "node_modules" },
  });
  expect(packed).toMatchObject({ files: 4, skipped: ["link"] });
  writeFileSync(join(folder, "demo.tar.gz"), packed.bytes);
  const tar = Bun.spawnSync(["tar", "xzf", "demo.tar.gz"], { cwd: folder, stderr: "pipe" });
  expect([tar.exitCode, tar.stderr.toString()]).toEqual([0, ""]);
  const out = join(folder, "demo");
  expect(readFileSync(join(out, long), "utf8")).toBe("long");
  expect(readFileSync(join(out, "empty"), "utf8")).toBe("");
  expect(statSync(join(out, "ui/start.sh")).mode & 0o777).toBe(0o755);
  expect(statSync(join(out, "config.json")).mode & 0o777).toBe(0o644);
  expect(readdirSync(out).sort()).toEqual(["config.json", "deep", "empty", "ui"]);
});

test("the same files give the same archive", async () => {
  write("a", "1");
  write("b", "2");
  const pack = () => packFolder(join(folder, "from"), { prefix: "x", isLeftOut: () => false });
  const [first, second] = [await pack(), await pack()];
  expect(first.bytes).toEqual(second.bytes);
});
