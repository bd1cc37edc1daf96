/** Steady load from several loops, which counts every answer and keeps every failure. */

/** More would tell nothing new. */
const FAILURES_MAX = 100;
/** A loop of failures would starve everything else. */
const AFTER_FAILURE_MS = 20;

export interface Load {
  /** Requests answered as they should be. */
  answered(): number;
  failures: string[];
  /** Ends all loops and waits for their last requests. */
  stop(): Promise<void>;
}

/**
 * Runs each of `requests` over and over, one at a time, until it is stopped.
 * A request fails by throwing, or by a text that says what is wrong with its answer.
 */
export function startLoad(requests: Record<string, () => Promise<string | undefined>>): Load {
  const failures: string[] = [];
  let answered = 0;
  let isOver = false;
  const loops = Object.entries(requests).map(async ([name, request]) => {
    while (!isOver) {
      const wrong = await request().catch(String);
      if (wrong === undefined) {
        answered += 1;
        continue;
      }
      if (failures.length < FAILURES_MAX) failures.push(`${name}: ${wrong}`);
      await Bun.sleep(AFTER_FAILURE_MS);
    }
  });
  return {
    answered: () => answered,
    failures,
    stop: async () => {
      isOver = true;
      await Promise.all(loops);
    },
  };
}
