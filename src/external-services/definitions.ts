/** The definitions there are: those that come with Luna, and `external_services/<name>/service.json`. */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { z } from "zod";
import type { Paths } from "../config/paths.ts";
import {
  ConfigForm,
  type ServiceDefinition,
  ServiceName,
  WrittenDefinition,
} from "../contract/external-service.ts";
import { ConflictError, InvalidInputError, messageOf, NotFoundError } from "../lib/errors.ts";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";
import { definitionFrom, parseDefinition } from "./definition.ts";

const PRIVATE_FOLDER = 0o700;

interface FoundDefinition {
  definition: ServiceDefinition;
  /** It comes with Luna, and nobody has laid another one in its place. */
  bundled: boolean;
}

export interface FoundDefinitions {
  byName: ReadonlyMap<string, FoundDefinition>;
  /** One sentence for each that cannot be used. */
  problems: readonly string[];
}

interface DefinitionsOptions {
  paths: Pick<Paths, "externalServices" | "externalService">;
  /** As they are written. */
  bundled: readonly unknown[];
}

/** @throws InvalidInputError for what can be no service's name, before anything is made of it */
export function checkedName(name: string): string {
  if (ServiceName.safeParse(name).success) return name;
  throw new NotFoundError(
    `Cannot find the service "${name.slice(0, 64)}": no service has such a name`,
  );
}

export class Definitions {
  readonly #paths: DefinitionsOptions["paths"];
  readonly #bundled: ReadonlyMap<string, unknown>;

  constructor({ paths, bundled }: DefinitionsOptions) {
    this.#paths = paths;
    this.#bundled = new Map(bundled.map((one) => [parseDefinition(one).name, one]));
  }

  async read(): Promise<FoundDefinitions> {
    const byName = new Map<string, FoundDefinition>();
    for (const [name, written] of this.#bundled) {
      byName.set(name, { definition: parseDefinition(written), bundled: true });
    }
    const problems: string[] = [];
    for (const name of this.#folders()) {
      try {
        const definition = await this.#readOwn(name);
        if (definition !== undefined) byName.set(name, { definition, bundled: false });
      } catch (error) {
        byName.delete(name);
        problems.push(messageOf(error));
      }
    }
    return { byName, problems };
  }

  /** @throws NotFoundError, InvalidInputError when it cannot be used */
  async require(name: string): Promise<ServiceDefinition> {
    const own = await this.#readOwn(checkedName(name));
    const bundled = this.#bundled.get(name);
    if (own === undefined && bundled === undefined) {
      throw new NotFoundError(`Cannot find the service "${name}": there is no such definition`);
    }
    return own ?? parseDefinition(bundled);
  }

  /** Lays down one that came from outside, as it was written. */
  async add(written: Readonly<Record<string, unknown>>): Promise<ServiceDefinition> {
    const definition = parseDefinition(written);
    const { name } = definition;
    if (this.#bundled.has(name) || existsSync(this.#paths.externalService(name).definition)) {
      throw new ConflictError(
        `Cannot add the service "${name}": there is one of that name; delete it, or choose another name`,
      );
    }
    await this.#write(name, written);
    return definition;
  }

  /** A bundled one gets a file of its own, so that another version of Luna does not change what is installed. */
  async keep(name: string): Promise<void> {
    const bundled = this.#bundled.get(name);
    if (bundled === undefined || existsSync(this.#paths.externalService(name).definition)) return;
    await this.#write(name, bundled);
  }

  /** Removes the file of one that comes with Luna, unless somebody made it their own. */
  async removeCopy(name: string): Promise<void> {
    const { definition } = this.#paths.externalService(name);
    const bundled = this.#bundled.get(name);
    if (bundled === undefined) return;
    const copy = await readJsonIfThere(definition, z.unknown());
    if (Bun.deepEquals(copy, bundled)) await this.remove(name);
  }

  /** Removes the file, and the folder when nothing else is in it. */
  async remove(name: string): Promise<void> {
    const { folder, definition } = this.#paths.externalService(checkedName(name));
    if (!existsSync(definition)) {
      throw new NotFoundError(
        this.#bundled.has(name)
          ? `Cannot delete the service "${name}": it comes with Luna`
          : `Cannot find the service "${name}": there is no such definition`,
      );
    }
    await rm(definition);
    if (readdirSync(folder).length === 0) await rm(folder, { recursive: true });
  }

  #folders(): string[] {
    const { externalServices } = this.#paths;
    if (!existsSync(externalServices)) return [];
    return readdirSync(externalServices, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && ServiceName.safeParse(entry.name).success)
      .map(({ name }) => name)
      .sort();
  }

  async #readOwn(name: string): Promise<ServiceDefinition | undefined> {
    const { definition: path, form } = this.#paths.externalService(name);
    const written = await readJsonIfThere(path, WrittenDefinition);
    if (written === undefined) return undefined;
    if (written.name !== name) {
      throw new InvalidInputError(
        `Cannot use "${path}": its name is "${written.name}", and should be that of its folder, "${name}"`,
      );
    }
    return definitionFrom(written, (await readJsonIfThere(form, ConfigForm))?.fields);
  }

  async #write(name: string, written: unknown): Promise<void> {
    const { folder, definition } = this.#paths.externalService(name);
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    await writeJsonAtomic(definition, written);
  }
}
