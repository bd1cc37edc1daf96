/** The entries of an index: which are good, and what source installs each of them. */
import type { z } from "zod";
import { parseSource, sourceText } from "../../contract/source.ts";
import {
  StoreCategory,
  StoreExtension,
  type StoreIndex,
  StoreService,
  type StoreView,
} from "../../contract/store.ts";
import { explain } from "../../lib/explain.ts";

type Listed = Pick<StoreView, "extensions" | "categories" | "external_services" | "problems">;

const PROBLEMS_MAX = 20;

/** `github:user/repo` of a file's raw address at GitHub. */
const RAW_AT_GITHUB = /^https:\/\/raw\.githubusercontent\.com\/([^/]+)\/([^/]+)\//;

/** Where the extensions lie that are in the store's own repository. */
export function repositoryOf(index: StoreIndex, url: string | undefined): string | undefined {
  if (index.repository !== undefined) return index.repository;
  const [, owner, repo] = RAW_AT_GITHUB.exec(url ?? "") ?? [];
  return owner === undefined ? undefined : `github:${owner}/${repo}`;
}

function writtenSource(
  { type, path, ref, source, id }: StoreExtension,
  repository: string | undefined,
): string | undefined {
  switch (type) {
    case "bundled":
      return `bundled:${id}`;
    case "external":
      return source;
    case "embedded": {
      if (repository === undefined || path === undefined) return undefined;
      return `${repository}${ref === undefined ? "" : `@${ref}`}:${path}`;
    }
  }
}

/** What installs the entry; null when it names nothing that can be fetched. */
export function installSource(
  extension: StoreExtension,
  repository: string | undefined,
): string | null {
  const written = writtenSource(extension, repository);
  const { source } = parseSource(written ?? "");
  // An entry may not name an upload of this Luna, or nothing at all.
  const isFetched = source?.kind === "github" || source?.kind === "bundled";
  return isFetched ? sourceText(source) : null;
}

/** The entries that are as they should be, and a sentence for each that is not. */
export function listedEntries(index: StoreIndex, url: string | undefined): Listed {
  const problems: string[] = [];
  const good = <Schema extends z.ZodType>(schema: Schema, what: string, all: unknown[]) =>
    all.flatMap((entry, position): z.output<Schema>[] => {
      const parsed = schema.safeParse(entry);
      if (parsed.success) return [parsed.data];
      if (problems.length < PROBLEMS_MAX) {
        problems.push(`${what}[${position}] is left out: ${explain(parsed.error)}`);
      }
      return [];
    });
  const repository = repositoryOf(index, url);
  const extensions = good(StoreExtension, "extensions", index.extensions).map((extension) => ({
    ...extension,
    install_source: installSource(extension, repository),
  }));
  return {
    extensions,
    categories: good(StoreCategory, "categories", index.categories),
    external_services: good(StoreService, "external_services", index.external_services),
    problems,
  };
}
