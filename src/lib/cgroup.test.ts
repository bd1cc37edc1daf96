/** Tests reading of the kernel's texts about control groups, of several kinds of machine. */
import { dlopen, FFIType } from "bun:ffi";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlGroupsOf, parseControlGroups, whyNotDivisible } from "./cgroup.ts";

const SYSTEMD_2 =
  "25 30 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const OLD = [
  "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
  "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
  "36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct",
  "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids",
  "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
].join("\n");

test("version 2, as a service of systemd", () => {
  expect(parseControlGroups("0::/system.slice/luna.service\n", SYSTEMD_2)).toEqual([
    {
      version: 2,
      controllers: [],
      folder: "/sys/fs/cgroup/system.slice/luna.service",
      is_top: false,
    },
  ]);
});

test("version 2, at the top of a container", () => {
  expect(parseControlGroups("0::/\n", SYSTEMD_2)).toEqual([
    { version: 2, controllers: [], folder: "/sys/fs/cgroup", is_top: true },
  ]);
});

test("version 1 and 2 side by side, each controller in its own tree", () => {
  const groups = parseControlGroups(
    "8:pids:/\n4:memory:/jobs/a\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n",
    OLD,
  );
  expect(groups).toEqual([
    { version: 1, controllers: ["pids"], folder: "/sys/fs/cgroup/pids", is_top: true },
    { version: 1, controllers: ["memory"], folder: "/sys/fs/cgroup/memory/jobs/a", is_top: false },
    {
      version: 1,
      controllers: ["cpu", "cpuacct"],
      folder: "/sys/fs/cgroup/cpu,cpuacct",
      is_top: true,
    },
    { version: 2, controllers: [], folder: "/sys/fs/cgroup/unified", is_top: true },
  ]);
});

test("a container without a name space of its own sees its part alone", () => {
  const mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
  expect(parseControlGroups("4:memory:/docker/abc\n", mount)).toMatchObject([
    { folder: "/sys/fs/cgroup/memory", is_top: true },
  ]);
  expect(parseControlGroups("4:memory:/docker/abc/x\n", mount)).toMatchObject([
    { folder: "/sys/fs/cgroup/memory/x", is_top: false },
  ]);
  expect(parseControlGroups("4:memory:/docker/abcd\n", mount)).toEqual([]);
});

test("a folder with a space in its name, a line that is none, and no groups at all", () => {
  const mount = "25 30 0:23 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n";
  expect(parseControlGroups("0::/a\nnonsense\n", mount)).toMatchObject([
    { folder: "/mnt/my groups/a" },
  ]);
  expect(parseControlGroups("", "")).toEqual([]);
});

test("this machine's own groups are folders that are there", () => {
  for (const { folder, controllers } of controlGroupsOf("self")) {
    expect(folder).toStartWith("/");
    expect(controllers).toBeArray();
  }
  expect(controlGroupsOf(0x7fff_ffff)).toEqual([]);
});

test("only what is at the top or was handed over is divided", () => {
  const folder = mkdtempSync(join(tmpdir(), "luna-cgroup-"));
  const group = { version: 1 as const, controllers: ["pids"], folder, is_top: false };
  try {
    expect(whyNotDivisible(group)).toBe(`"${folder}" belongs to what started Luna`);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) expect(whyNotDivisible({ ...group, is_top: true })).toBeUndefined();
    else expect(whyNotDivisible({ ...group, version: 2 })).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(whyNotDivisible(group)).toContain("cannot be written");
});

test("systemd's mark of a group that it hands over is read", () => {
  const folder = mkdtempSync(join(tmpdir(), "luna-cgroup-"));
  const { cstring, ptr, u64, i32 } = FFIType;
  const libc = dlopen("libc.so.6", {
    setxattr: { args: [cstring, cstring, ptr, u64, i32], returns: i32 },
  });
  try {
    const text = (value: string) => Buffer.from(`${value}\0`);
    const set = (value: string) =>
      libc.symbols.setxattr(text(folder), text("user.delegate"), Buffer.from(value), 1, 0);
    const group = { version: 1 as const, controllers: ["pids"], folder, is_top: false };
    expect(set("0")).toBe(0);
    expect(whyNotDivisible(group)).toContain("belongs to");
    expect(set("1")).toBe(0);
    expect(whyNotDivisible(group)).toBeUndefined();
  } finally {
    libc.close();
    rmSync(folder, { recursive: true });
  }
});
