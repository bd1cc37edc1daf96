/** Where in the new folder an entry belongs: below a folder that is taken off, within the one that is wanted. */
import { type ArchiveEntry, ArchiveFault, shown } from "./entry.ts";
import type { ArchiveLimits } from "./limits.ts";
import { isLitter, segmentsOf } from "./names.ts";

/** How many names of what is there a refusal tells. */
const TOLD_MAX = 12;

interface PlacesOptions {
  /** Whether all must be in one folder, whose content is what counts. */
  isTopTaken: boolean;
  /** `a/b`: nothing else is wanted. */
  only: string | undefined;
  limits: Pick<ArchiveLimits, "listed_max">;
}

/** The place of an entry in the new folder; undefined for what is passed over. */
export class Places {
  readonly #options: PlacesOptions;
  readonly #only: readonly string[];
  readonly #seen = new Set<string>();
  #top: string | undefined;
  #listed = 0;
  #isFound = false;

  constructor(options: PlacesOptions) {
    this.#options = options;
    this.#only = options.only?.split("/") ?? [];
    this.#isFound = this.#only.length === 0;
  }

  /** @throws ArchiveFault */
  of({ name, kind }: Pick<ArchiveEntry, "name" | "kind">): readonly string[] | undefined {
    this.#listed += 1;
    if (this.#listed > this.#options.limits.listed_max) {
      throw new ArchiveFault(`it lists more than ${this.#options.limits.listed_max} files`);
    }
    if (isLitter(name)) return undefined;
    const segments = this.#stripped(segmentsOf(name));
    if (this.#only.length === 0) return segments;
    if (segments[0] !== undefined && this.#seen.size < TOLD_MAX) this.#seen.add(segments[0]);
    if (this.#only.some((one, index) => segments[index] !== one)) return undefined;
    const inside = segments.slice(this.#only.length);
    if (inside.length === 0 && kind !== "folder") {
      throw new ArchiveFault(`${shown(this.#only.join("/"))} in it is not a folder`);
    }
    this.#isFound = true;
    return inside;
  }

  /** @throws ArchiveFault when the folder that is wanted was not there */
  expectFound(): void {
    if (this.#isFound) return;
    const there = [...this.#seen].map(shown).join(", ") || "nothing";
    throw new ArchiveFault(
      `it has no folder ${shown(this.#only.join("/"))}; at its top there is ${there}`,
    );
  }

  #stripped(segments: readonly string[]): readonly string[] {
    if (!this.#options.isTopTaken || segments.length === 0) return segments;
    this.#top ??= segments[0];
    if (segments[0] !== this.#top) {
      throw new ArchiveFault("it has several folders at its top, should have one");
    }
    return segments.slice(1);
  }
}
