/** Puts a new tree into the place of an old one and back again, from whatever a kill in between has left. */
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { UnavailableError } from "../lib/errors.ts";
import { exchange } from "../lib/exchange.ts";
import { identityOf, syncFolder } from "../lib/tree.ts";

export interface SwapPlaces {
  /** Where the tree is used. */
  live: string;
  /** Where the new one was made; the old one, once they have changed places. */
  staged: string;
  /** Where the old one is kept until the change is for good. */
  aside: string;
}

/** Which tree is which, written down before anything is moved. */
export interface SwapIdentities {
  old: string | null;
  new: string | null;
}

export async function identitiesOf({ live, staged }: SwapPlaces): Promise<SwapIdentities> {
  return { old: (await identityOf(live)) ?? null, new: (await identityOf(staged)) ?? null };
}

async function syncNames({ live, staged }: SwapPlaces): Promise<void> {
  await Promise.all([syncFolder(dirname(live)), syncFolder(dirname(staged))]);
}

/** The new tree is live and the old one aside; with no new one, nothing is live. */
export async function swapIn(
  places: SwapPlaces,
  { old, new: fresh }: SwapIdentities,
): Promise<void> {
  const { live, staged, aside } = places;
  if (old !== null && fresh !== null && exchange(staged, live)) await rename(staged, aside);
  else {
    if (old !== null) await rename(live, aside);
    if (fresh !== null) await rename(staged, live);
  }
  await syncNames(places);
}

/** The old tree is live again, and no new one. Done twice, it is done once. */
export async function swapBack(places: SwapPlaces, identities: SwapIdentities): Promise<void> {
  const { live, staged, aside } = places;
  const now = await identityOf(live);
  if (identities.old === null) {
    if (identities.new !== null && now === identities.new) await rename(live, aside);
  } else if (now !== identities.old) {
    const from = (await whereIs(identities.old, [aside, staged])) ?? "";
    if (from === "") {
      throw new UnavailableError(
        `Cannot bring back "${live}": what was there is neither in "${aside}" nor in "${staged}"`,
      );
    }
    if (now === undefined) await rename(from, live);
    else if (!exchange(from, live)) {
      const other = from === aside ? staged : aside;
      await rm(other, { recursive: true, force: true });
      await rename(live, other);
      await rename(from, live);
    }
  }
  await syncNames(places);
}

async function whereIs(identity: string, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await identityOf(path)) === identity) return path;
  return undefined;
}
