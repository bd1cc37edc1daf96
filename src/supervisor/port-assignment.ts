/** Gives extensions their ports: the same one for ever, never one twice, never one that a stranger holds. */
import { ConflictError } from "../lib/errors.ts";

type Assignments = Record<string, number | null>;

interface PortRequest {
  /** Who has which port of this range now. */
  assigned: Readonly<Assignments>;
  range: { first: number; last: number };
  /** Whether nobody listens on a port. */
  isFree(port: number): boolean;
}

/**
 * The port of `name`: the one it has, else the lowest that is neither assigned nor taken.
 * @throws ConflictError when the range is used up
 */
export function assignPort(name: string, { assigned, range, isFree }: PortRequest): number {
  const own = assigned[name];
  if (typeof own === "number") return own;
  const given = new Set(Object.values(assigned));
  for (let port = range.first; port <= range.last; port += 1) {
    if (!given.has(port) && isFree(port)) return port;
  }
  throw new ConflictError(
    `Cannot give "${name}" a port: all of ${range.first} to ${range.last} are assigned or taken; remove an extension, or stop what holds them`,
  );
}

/** Without the entries whose owner is not there any more. */
export function releasePorts(
  assigned: Assignments,
  isThere: (name: string) => boolean,
): Assignments {
  return Object.fromEntries(Object.entries(assigned).filter(([name]) => isThere(name)));
}
