/** Checks that Luna's files are its user's alone, and that this user can write them. */
import { accessSync, chmodSync, constants, existsSync, statSync } from "node:fs";
import type { Paths } from "../../config/paths.ts";
import { openToOthers } from "../../supervisor/problems/env-access.ts";
import { type Check, DOCTOR_FIX, ok } from "./check.ts";

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** What nobody else may read, with the permissions it should have. */
function privates(paths: Paths): [path: string, mode: number][] {
  const all: [string, number][] = [
    [paths.env, PRIVATE_FILE],
    [paths.luna, PRIVATE_FOLDER],
    [paths.logs, PRIVATE_FOLDER],
    [paths.masterConfig, PRIVATE_FILE],
    [paths.apiKeys, PRIVATE_FILE],
    [paths.database, PRIVATE_FILE],
  ];
  return all.filter(([path]) => existsSync(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function openOnes(paths: Paths): [path: string, mode: number, is: string][] {
  return privates(paths).flatMap(([path, mode]) => {
    const is = openToOthers(path);
    return is === undefined ? [] : [[path, mode, is]];
  });
}

export const accessCheck: Check = {
  id: "access",
  run: async ({ paths }) => {
    const there = [paths.home, ...privates(paths).map(([path]) => path)].filter((path) =>
      existsSync(path),
    );
    const closed = there.filter((path) => !isWritable(path));
    if (closed.length > 0) {
      const owners = closed.map((path) => `"${path}" belongs to user ${statSync(path).uid}`);
      return {
        status: "fail",
        title: "Luna's files cannot be written",
        detail: owners.join("\n"),
        fix: `sudo chown -R "$(id -un)" "${paths.home}"`,
      };
    }
    const open = openOnes(paths);
    if (open.length === 0) return ok("Luna's files are its user's alone");
    return {
      status: "warn",
      title: "Other users of this machine may read Luna's files",
      detail: open
        .map(([path, mode, is]) => `"${path}" is ${is}, should be ${mode.toString(8)}`)
        .join("\n"),
      fix: DOCTOR_FIX,
    };
  },
  repair: async ({ paths }) => {
    for (const [path, mode] of openOnes(paths)) chmodSync(path, mode);
  },
};
