/** Looks for a lock and for sockets that nobody holds any more. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../config/paths.ts";
import { lockOf } from "../home-lock.ts";
import { type Check, DOCTOR_FIX, type DoctorContext, ok } from "./check.ts";

const CONNECT_TIMEOUT_MS = 1_000;

function socketsIn(paths: Paths): string[] {
  return [paths.luna, paths.run].flatMap((folder) =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => name.endsWith(".sock"))
      .map((name) => join(folder, name)),
  );
}

/** Whether nobody listens on the socket; one that does not answer in time has somebody. */
async function isAbandoned(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), CONNECT_TIMEOUT_MS);
  Bun.connect({
    unix: path,
    socket: {
      open: (socket) => {
        resolve(false);
        socket.end();
      },
      data: () => undefined,
    },
  }).catch(() => resolve(true)); // Refused: there is a file and nobody behind it.
  const result = await promise;
  clearTimeout(timer);
  return result;
}

async function leftOvers({ paths, isHeld, supervisor }: DoctorContext): Promise<string[]> {
  // While Luna runs, it clears up itself.
  if (isHeld || supervisor !== undefined) return [];
  const found = existsSync(paths.lock) ? [paths.lock] : [];
  for (const path of socketsIn(paths)) if (await isAbandoned(path)) found.push(path);
  return found;
}

export const leftOversCheck: Check = {
  id: "left-overs",
  run: async (context) => {
    const found = await leftOvers(context);
    if (found.length === 0) return ok("No lock or socket is left over");
    return {
      status: "warn",
      title: "A Luna that was killed left files, which do no harm",
      detail: found.join("\n"),
      fix: DOCTOR_FIX,
    };
  },
  repair: async (context) => {
    const { paths } = context;
    for (const path of await leftOvers(context)) {
      if (path !== paths.lock) rmSync(path, { force: true });
    }
    if (!existsSync(paths.lock)) return;
    const lock = lockOf(paths.lock, "down");
    // Held after all: somebody started Luna meanwhile.
    if ("release" in lock) lock.release();
  },
};
