/** `.luna/routes.json` as auth reads it, for each request of an extension's path. */
import { RoutesFile } from "../../contract/routes.ts";
import { messageOf, UnavailableError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { WatchedFile } from "../../lib/watched-file.ts";

interface RoutedPathsOptions {
  path: string;
  log: Logger;
}

export class RoutedPaths {
  readonly #file: WatchedFile<typeof RoutesFile>;
  readonly #log: Logger;
  #told: string | undefined;

  constructor({ path, log }: RoutedPathsOptions) {
    this.#file = new WatchedFile({
      path,
      schema: RoutesFile,
      absent: () => ({ extensions: {} }),
    });
    this.#log = log;
  }

  /**
   * Where paths lead now. A file that cannot be read leaves in force what it said before.
   * @throws UnavailableError when nothing was ever read
   */
  async read(): Promise<RoutesFile> {
    try {
      const routes = await this.#file.read();
      this.#tell(this.#file.problem);
      return routes;
    } catch (cause) {
      this.#tell(messageOf(cause));
      if (this.#file.last !== undefined) return this.#file.last;
      throw new UnavailableError(
        "Cannot tell where the paths of extensions lead: their table cannot be read; auth's log says why",
        { cause },
      );
    }
  }

  /** Once for each problem, as every request meets it. */
  #tell(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#told) this.#log.warn(problem);
    this.#told = problem;
  }
}
