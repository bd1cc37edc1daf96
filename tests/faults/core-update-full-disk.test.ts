/** The disk is full while another version of Luna's own program is being fetched: nothing of it stays, and the next try works. */
import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CoreUpdate } from "../../src/core-update/core-update.ts";
import { RELEASES_REPOSITORY, startReleases } from "../support/releases-stand-in.ts";
import { mountSmallDisk } from "./small-disk.ts";

/** More than has to be free before an update begins. */
const DISK_MB = 640;
const TIMEOUT_MS = 60_000;

const script = (version: string, more = ""): string =>
  `#!/bin/sh\necho '{"version":"${version}","ok":true}'\n${more}`;

const disk = mountSmallDisk(DISK_MB);
if (disk === undefined) {
  process.stderr.write(
    "This user may not mount: no disk can be filled in the middle of an update.\n",
  );
} else {
  test(
    "fault 4: update_core, the disk full while it is fetched: the program that was there stays, and nothing else",
    async () => {
      const releases = startReleases();
      const program = join(disk.path, "bin/luna");
      try {
        await mkdir(join(disk.path, "bin"));
        await writeFile(program, script("1.0.0"));
        await chmod(program, 0o755);
        const next = join(disk.path, "next");
        await writeFile(next, script("2.0.0", `#${"x".repeat(300_000)}\n`));
        releases.publish("2.0.0", next);
        let isFull = true;
        const update = new CoreUpdate({
          ...{ file: join(disk.path, "core_update.json"), program, version: "1.0.0" },
          source: async () => ({ apiUrl: releases.apiUrl, repository: RELEASES_REPOSITORY }),
          environment: { PATH: "/usr/bin:/bin" },
          ...{ platform: process.platform, arch: process.arch },
        });
        const preparing = update.prepare("latest", {
          onProgress: () => {
            if (isFull) disk.fill();
          },
        });
        await expect(preparing).rejects.toThrow(/Cannot fetch Luna 2\.0\.0: .*ENOSPC/);
        isFull = false;
        disk.empty();
        expect(await readdir(join(disk.path, "bin"))).toEqual(["luna"]);
        expect(await readFile(program, "utf8")).toBe(script("1.0.0"));
        expect(await update.prepare("latest")).toEqual({ from: "1.0.0", to: "2.0.0" });
      } finally {
        await releases.stop();
        disk.remove();
      }
    },
    TIMEOUT_MS,
  );
}
