/** Chance that can be repeated: the same seed gives the same numbers. */

export interface Chance {
  /** From 0 up to but not including 1. */
  next(): number;
  pick<T>(from: readonly T[]): T;
}

/** Mulberry32, by Tommy Ettinger: small, and even enough for tests. */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    pick: <T>(from: readonly T[]): T => {
      const found = from[Math.floor(next() * from.length)];
      if (found === undefined) throw new Error("There is nothing to pick from");
      return found;
    },
  };
}
