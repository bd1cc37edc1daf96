/** Checks that Luna's ports are Luna's, or free. */
import { isOfHome, MARK_VARIABLE } from "../../config/mark.ts";
import { holderOfPort, type PortHolder, startVariableOf } from "../../lib/proc.ts";
import { type Check, ok } from "./check.ts";

function text({ port, pid, program }: PortHolder): string {
  return `${port} by ${program}${pid === undefined ? "" : ` (pid ${pid})`}`;
}

export const portsCheck: Check = {
  id: "ports",
  run: async ({ paths, ports }) => {
    const isOurs = isOfHome(paths.home);
    const held = Object.values(ports).flatMap((port) => holderOfPort(port) ?? []);
    const isOwn = ({ pid }: PortHolder): boolean =>
      pid !== undefined && isOurs(startVariableOf(pid, MARK_VARIABLE) ?? "");
    const strangers = held.filter((holder) => !isOwn(holder));
    if (strangers.length === 0) {
      return ok(`All ${Object.keys(ports).length} ports are free or Luna's`);
    }
    return {
      status: "fail",
      title: `Other programs hold ${strangers.length} of Luna's ports`,
      detail: strangers.map(text).join("\n"),
      fix: "LUNA_PORT_OFFSET=1000 luna up   (or stop those programs)",
    };
  },
};
