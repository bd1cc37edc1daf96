/** `.luna/routes.json` and the routes of external services as auth reads them, for each request of such a path. */
import type { z } from "zod";
import { ServiceRoutesFile } from "../../contract/external-service.ts";
import { RoutesFile } from "../../contract/routes.ts";
import { messageOf, UnavailableError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { WatchedFile } from "../../lib/watched-file.ts";

interface RoutedPathsOptions {
  /** The table of extensions, and that of external services. */
  path: string;
  services: string;
  log: Logger;
}

export class RoutedPaths {
  readonly #extensions: WatchedFile<typeof RoutesFile>;
  readonly #services: WatchedFile<typeof ServiceRoutesFile>;
  readonly #log: Logger;
  readonly #told = new Map<object, string>();

  constructor({ path, services, log }: RoutedPathsOptions) {
    this.#extensions = new WatchedFile({
      ...{ path, schema: RoutesFile },
      absent: () => ({ extensions: {} }),
    });
    this.#services = new WatchedFile({
      ...{ path: services, schema: ServiceRoutesFile },
      absent: () => ({}),
    });
    this.#log = log;
  }

  /**
   * Where paths of extensions lead now. A file that cannot be read leaves in force what it said before.
   * @throws UnavailableError when nothing was ever read
   */
  read(): Promise<RoutesFile> {
    return this.#read(this.#extensions, "extensions");
  }

  /** The same of external services. */
  readServices(): Promise<ServiceRoutesFile> {
    return this.#read(this.#services, "external services");
  }

  async #read<Schema extends z.ZodType>(
    file: WatchedFile<Schema>,
    whose: string,
  ): Promise<z.output<Schema>> {
    try {
      const routes = await file.read();
      this.#tell(file, file.problem);
      return routes;
    } catch (cause) {
      this.#tell(file, messageOf(cause));
      if (file.last !== undefined) return file.last;
      throw new UnavailableError(
        `Cannot tell where the paths of ${whose} lead: their table cannot be read; auth's log says why`,
        { cause },
      );
    }
  }

  /** Once for each problem, as every request meets it. */
  #tell(file: object, problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#told.get(file)) this.#log.warn(problem);
    if (problem === undefined) this.#told.delete(file);
    else this.#told.set(file, problem);
  }
}
