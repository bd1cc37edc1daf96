/** Checks that the clock can be believed: certificates, sessions and sign-in links depend on it. */
import { statSync } from "node:fs";
import { type Check, ok } from "./check.ts";

/** No Luna is older. */
const EARLIEST = Date.parse("2026-01-01T00:00:00Z");
/** Clocks of network disks may be a little off. */
const TOLERANCE_MS = 120_000;
const FIX = "sudo timedatectl set-ntp true   (or: sudo date -s '<the right time>')";

export function clockCheckAt(now: () => number): Check {
  return {
    id: "clock",
    run: async ({ paths }) => {
      const time = now();
      const text = new Date(time).toISOString();
      if (time < EARLIEST) {
        return { status: "fail", title: `The clock is wrong: ${text}`, detail: "", fix: FIX };
      }
      const future = [paths.state, paths.masterConfig, paths.env].filter((path) => {
        const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
        return written > time + TOLERANCE_MS;
      });
      if (future.length === 0) return ok("The clock can be believed", text);
      return {
        status: "warn",
        title: "The clock was turned back, or is wrong now",
        detail: `It is ${text}; later than that, Luna wrote:\n${future.join("\n")}`,
        fix: FIX,
      };
    },
  };
}

export const clockCheck: Check = clockCheckAt(Date.now);
