/** Which installed extensions have a newer version where they came from. */
import type { AvailableUpdate } from "../contract/source.ts";
import { messageOf } from "../lib/errors.ts";
import type { Sources } from "./sources.ts";

const AT_ONCE_MAX = 4;

export interface InstalledEntry {
  source: string;
  /** What was fetched, as far as it was noted. */
  resolved?: unknown;
}

async function lookAt(
  { source, resolved }: InstalledEntry,
  sources: Pick<Sources, "latest">,
): Promise<AvailableUpdate> {
  const installed = typeof resolved === "string" ? resolved : null;
  const told = { source, installed, latest: null, is_available: false, error: null };
  try {
    const latest = (await sources.latest(source))?.resolved ?? null;
    return { ...told, latest, is_available: latest !== null && latest !== installed };
  } catch (error) {
    return { ...told, error: messageOf(error) };
  }
}

/** Asks a few at once; what cannot be told of one says why. */
export async function availableUpdates(
  entries: Readonly<Record<string, InstalledEntry>>,
  sources: Pick<Sources, "latest">,
): Promise<Record<string, AvailableUpdate>> {
  const waiting = Object.entries(entries);
  const found: Record<string, AvailableUpdate> = {};
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, entry] = next;
      found[name] = await lookAt(entry, sources);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE_MAX }, work));
  return Object.fromEntries(
    Object.keys(entries).flatMap((name) => {
      const one = found[name];
      return one === undefined ? [] : [[name, one]];
    }),
  );
}
