/** One list of what a person has to know and can act on, gathered from sources that each look at one thing. */
import type { Problem } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";

/** A problem as its source finds it, again at each look; since when is known here. */
export type Finding = Omit<Problem, "since"> & { since?: string };
/** What is wrong now with one thing; the `id` of the same problem stays the same. */
export type ProblemSource = () => readonly Finding[] | Promise<readonly Finding[]>;

const RANK: Record<Problem["severity"], number> = { error: 0, warning: 1 };

/** Errors first, then what has lasted longest. */
function byUrgency(one: Problem, other: Problem): number {
  return (
    RANK[one.severity] - RANK[other.severity] ||
    one.since.localeCompare(other.since) ||
    one.id.localeCompare(other.id)
  );
}

/** A source that cannot look has found something, too. */
async function look(source: ProblemSource, index: number): Promise<readonly Finding[]> {
  try {
    return await source();
  } catch (error) {
    return [
      {
        id: `look-${index}`,
        severity: "warning",
        title: `Luna cannot look whether something is wrong: ${messageOf(error)}`,
        detail: "Other problems may be hidden by this one.",
        fix: "luna doctor",
      },
    ];
  }
}

export class Problems {
  readonly #sources: readonly ProblemSource[];
  readonly #now: () => Date;
  /** When each problem that lasts was first seen, by id. */
  #since = new Map<string, string>();

  constructor(sources: readonly ProblemSource[], now: () => Date = () => new Date()) {
    this.#sources = sources;
    this.#now = now;
  }

  /** The problems of this moment, the most urgent first. One that was gone and is back begins anew. */
  async read(): Promise<Problem[]> {
    const found = (await Promise.all(this.#sources.map(look))).flat();
    const since = new Map<string, string>();
    const problems = found.map((finding) => {
      const first = this.#since.get(finding.id) ?? finding.since ?? this.#now().toISOString();
      since.set(finding.id, first);
      return { ...finding, since: first };
    });
    this.#since = since;
    return problems.toSorted(byUrgency);
  }
}
