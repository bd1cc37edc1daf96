/** `.luna/external_services.json`, and the routes that follow from it. */
import {
  type RegistryEntry,
  RegistryFile,
  type ServiceRoutesFile,
} from "../contract/external-service.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import { OwnedFile } from "../lib/owned-file.ts";

interface RegistryOptions {
  path: string;
  routes: string;
}

export class Registry {
  readonly #file: OwnedFile<typeof RegistryFile>;
  readonly #routes: string;
  #written: string | undefined;

  constructor({ path, routes }: RegistryOptions) {
    this.#file = new OwnedFile({ path, schema: RegistryFile, absent: () => ({}) });
    this.#routes = routes;
  }

  /** @throws InvalidInputError that names file and place while there was no good content */
  read(): Promise<RegistryFile> {
    return this.#file.read();
  }

  get last(): RegistryFile {
    return this.#file.last ?? {};
  }

  get problem(): string | undefined {
    return this.#file.problem;
  }

  /** Changes one entry; undefined takes it out. */
  async update(
    name: string,
    edit: (entry: RegistryEntry | undefined) => RegistryEntry | undefined,
  ): Promise<RegistryEntry | undefined> {
    const after = await this.#file.update((registry) => {
      const entry = edit(registry[name]);
      if (entry === undefined) delete registry[name];
      else registry[name] = entry;
    });
    await this.writeRoutes();
    return after[name];
  }

  /** Brings the routes up to date, unless they are. */
  async writeRoutes(): Promise<void> {
    const routes: ServiceRoutesFile = {};
    for (const [name, { ui }] of Object.entries(await this.#file.read())) {
      if (ui !== undefined) routes[name] = ui;
    }
    const text = JSON.stringify(routes);
    if (text === this.#written) return;
    await writeJsonAtomic(this.#routes, routes);
    this.#written = text;
  }
}
