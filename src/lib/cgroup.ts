/** Control groups as the kernel tells them (cgroups(7)): which ones a process is in, and whether they are its own to divide. */
import { dlopen, FFIType } from "bun:ffi";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface ControlGroup {
  version: 1 | 2;
  /** What of it can be limited: "memory", "pids", … */
  controllers: readonly string[];
  folder: string;
  /** The topmost group that this process can see: the machine's, or its container's. */
  is_top: boolean;
}

interface Mount {
  version: 1 | 2;
  /** What of the whole tree is mounted. */
  root: string;
  folder: string;
  options: ReadonlySet<string>;
}

/** proc_pid_mountinfo(5): ids, device, root, mount point, options, optional fields, "-", type, source, options. */
function mountsIn(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, folder] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    if (root === undefined || folder === undefined) return [];
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const version = type === "cgroup2" ? 2 : 1;
    return [{ version, root, folder: unescaped(folder), options: new Set(options.split(",")) }];
  });
}

/** Spaces and the like are octal there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** `path` as it is seen below a mount of `root`; undefined when it is outside. */
function below(root: string, path: string): string | undefined {
  if (root === "/") return path.startsWith("/..") ? undefined : path;
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  return path.slice(root.length) || "/";
}

/**
 * The groups of a process. Pure.
 * @param cgroup the text of its /proc/<pid>/cgroup
 * @param mountinfo the text of /proc/self/mountinfo
 */
export function parseControlGroups(cgroup: string, mountinfo: string): ControlGroup[] {
  const mounts = mountsIn(mountinfo);
  return cgroup.split("\n").flatMap((line) => {
    const [, id, list, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === undefined || list === undefined || path === undefined) return [];
    const controllers = list === "" ? [] : list.split(",");
    const version = list === "" ? 2 : 1;
    for (const mount of mounts) {
      if (mount.version !== version) continue;
      if (!controllers.every((name) => mount.options.has(name))) continue;
      const relative = below(mount.root, path);
      if (relative === undefined) continue;
      const folder = join(mount.folder, relative).replace(/(?<=.)\/$/, "");
      return [{ version, controllers, folder, is_top: relative === "/" }];
    }
    return [];
  });
}

/** The text of a small file, "" when it cannot be read: then it tells nothing. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The groups of the process `pid`; none where the kernel has none. */
export function controlGroupsOf(pid: number | "self"): ControlGroup[] {
  const cgroup = textOf(`/proc/${pid}/cgroup`);
  return parseControlGroups(cgroup, textOf("/proc/self/mountinfo")).map((group) =>
    group.version === 1
      ? group
      : {
          ...group,
          controllers: textOf(join(group.folder, "cgroup.controllers"))
            .split(/\s+/)
            .filter(Boolean),
        },
  );
}

/** systemd marks what it hands over: https://systemd.io/CGROUP_DELEGATION */
const DELEGATION_MARKS = ["user.delegate", "trusted.delegate"];
const MARK_BYTES_MAX = 8;

function hasDelegationMark(folder: string): boolean {
  const { cstring, ptr, u64, i64 } = FFIType;
  const libc = dlopen("libc.so.6", {
    getxattr: { args: [cstring, cstring, ptr, u64], returns: i64 },
  });
  try {
    return DELEGATION_MARKS.some((name) => {
      const value = Buffer.alloc(MARK_BYTES_MAX);
      const path = Buffer.from(`${folder}\0`);
      const length = Number(
        libc.symbols.getxattr(path, Buffer.from(`${name}\0`), value, MARK_BYTES_MAX),
      );
      return length === 1 && value[0] === "1".charCodeAt(0);
    });
  } finally {
    libc.close();
  }
}

/**
 * Why a process must not, or cannot, make groups in `group`; undefined when it may.
 * A group has one owner: whoever made it, until it hands it over.
 */
export function whyNotDivisible(group: ControlGroup): string | undefined {
  const { folder, version, is_top } = group;
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return `"${folder}" cannot be written`;
  }
  const uid = process.getuid?.();
  const isHandedOver =
    hasDelegationMark(folder) ||
    (uid === 0 ? is_top : version === 2 && statSync(folder).uid === uid);
  return isHandedOver ? undefined : `"${folder}" belongs to what started Luna`;
}
