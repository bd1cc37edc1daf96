/** Says whether processes can be limited here; that they cannot is no fault. */
import { findSites } from "../../supervisor/process/process-groups.ts";
import { type Check, ok } from "./check.ts";

export const limitsCheck: Check = {
  id: "limits",
  run: async ({ supervisor }) => {
    const { refusals } = findSites(supervisor?.pid ?? "self");
    if (refusals.length === 0) return ok("Memory and number of processes can be limited");
    const names = refusals.map(({ controller }) => controller).join(" and ");
    const reasons = refusals.map(({ controller, why }) => `${controller}: ${why}`);
    return ok(
      `What processes take of ${names} is not limited here`,
      [...reasons, "Under systemd, the unit that `luna unit` prints makes it possible."].join("\n"),
    );
  },
};
