/** In which order what the supervisor runs is stopped. Decides, and stops nothing. */
import type { ProcessKind } from "../contract/process.ts";

/**
 * The way in first: no request comes any more, and those under way can finish. Then what others wrote, which may
 * call Luna to the last; then the core; then the tool hosts, which the core's last requests may still need.
 */
const STEPS: readonly (readonly ProcessKind[])[] = [
  ["caddy"],
  ["ui", "service"],
  ["core", "supervisor"],
  ["tool-host"],
];

/** `all` in the steps in which they are stopped: those of one step together, the way in as the first. */
export function stopSteps<Process>(
  all: readonly Process[],
  kindOf: (one: Process) => ProcessKind,
): [entry: Process[], ...rest: Process[][]] {
  const [entry = [], ...rest] = STEPS.map((kinds) =>
    all.filter((one) => kinds.includes(kindOf(one))),
  );
  return [entry, ...rest];
}
