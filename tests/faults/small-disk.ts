/** A disk that can be full, for those who may mount one: root, with the capability for it. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHUNK = Buffer.alloc(64 * 1024);
const SMALLEST = 1;

export interface SmallDisk {
  path: string;
  /** Takes all the room there is. */
  fill(): void;
  /** Gives it back. */
  empty(): void;
  setReadOnly(readOnly: boolean): void;
  remove(): void;
}

/** Whether the program is there and did it. */
function run(name: "mount" | "umount", ...args: string[]): boolean {
  const program = Bun.which(name);
  return program !== null && spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** undefined when this user may not mount. */
export function mountSmallDisk(megabytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "luna-disk-"));
  if (!run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "tmpfs", path)) {
    rmSync(path, { recursive: true });
    return undefined;
  }
  const filler = join(path, "filler");
  return {
    path,
    fill: () => {
      const fd = openSync(filler, "a");
      for (let size = CHUNK.length; size >= SMALLEST; ) {
        try {
          writeSync(fd, CHUNK, 0, size);
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
          size = Math.floor(size / 2);
        }
      }
      closeSync(fd);
    },
    empty: () => rmSync(filler, { force: true }),
    setReadOnly: (readOnly) => {
      const how = readOnly ? "ro" : "rw";
      if (!run("mount", "-o", `remount,${how}`, path))
        throw new Error(`Cannot make "${path}" ${how}`);
    },
    remove: () => {
      run("umount", "-l", path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
