/** Finds what somebody probably meant, for a refusal that helps. */
import { closestMatch } from "leven";

/** Of a longer word more letters may be wrong. */
const LETTERS_PER_FAULT = 3;

/** Two letters in the wrong order count as two. */
const SWAPPED = 2;

/** " Did you mean …?", or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const faults = Math.max(SWAPPED, Math.ceil(word.length / LETTERS_PER_FAULT));
  const maxDistance = Math.min(faults, word.length - 1);
  const found = closestMatch(word, candidates, { maxDistance });
  return found === undefined ? "" : ` Did you mean "${found}"?`;
}
