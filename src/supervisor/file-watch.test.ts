/** Tests that changes by hand are noticed, and only those. */
import { afterAll, test } from "bun:test";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import { watchFiles } from "./file-watch.ts";

const folder = await mkdtemp(join(tmpdir(), "luna-watch-"));
afterAll(() => rm(folder, { recursive: true }));

test("a file that comes, is replaced or goes is noticed; what is due is tried again", async () => {
  const path = join(folder, "file");
  let seen = 0;
  let isDue = false;
  const stop = watchFiles({
    files: () => [path, join(folder, "none", "at all")],
    isDue: () => isDue,
    periodMs: 10,
    onChange: async () => {
      seen += 1;
    },
  });
  try {
    await writeFile(path, "1");
    await until(() => seen === 1);
    await writeFile(`${path}.new`, "1");
    await rename(`${path}.new`, path);
    await until(() => seen === 2);
    await rm(path);
    await until(() => seen === 3);
    isDue = true;
    await until(() => seen >= 5);
  } finally {
    stop();
  }
});
