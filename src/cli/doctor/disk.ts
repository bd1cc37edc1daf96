/** Checks that the disk of the home has room. */
import { existsSync } from "node:fs";
import { diskCommand, diskSeverity, freeBytes, sizeText } from "../../supervisor/problems/disk.ts";
import { type Check, ok } from "./check.ts";

export const diskCheck: Check = {
  id: "disk",
  run: async ({ paths }) => {
    if (!existsSync(paths.home)) return ok("The home is not there yet", paths.home);
    const free = await freeBytes(paths.home);
    const severity = diskSeverity(free);
    const title = `${sizeText(free)} are free on the disk of the home`;
    if (severity === undefined) return ok(title, paths.home);
    return {
      status: severity === "error" ? "fail" : "warn",
      title,
      detail: paths.home,
      fix: diskCommand(paths.home),
    };
  },
};
