/** Fetches an extension's files from wherever its source says, into a new folder: all of them, or nothing. */
import { rm } from "node:fs/promises";
import { parseSource, type Source, sourceText } from "../contract/source.ts";
import { bundledTree } from "../extensions/bundled.ts";
import { layOutFiles } from "../extensions/lay-out.ts";
import { unpack } from "../lib/archive/unpack.ts";
import { ConflictError, InvalidInputError } from "../lib/errors.ts";
import { temporaryName } from "../lib/files.ts";
import type { GithubRepositories, GithubSource, Progress } from "./github.ts";
import { KEPT_AS_TOP } from "./layout.ts";
import type { Uploads } from "./uploads.ts";

export interface Fetched {
  /** Written in the one way; what the entry in master_config records. */
  source: string;
  /** The commit, or `sha256:…` of the uploaded file or of a starter's files. */
  resolved: string;
  /** `treeHash` of what was fetched: the same files have the same one, wherever they come from. */
  tree_sha256: string;
  /** Of the files as they are now. */
  bytes: number;
  files: number;
}

interface FetchOptions {
  /** The folder to make; the one that it lies in is there, and nobody else writes into it. */
  into: string;
  signal?: AbortSignal;
  onProgress?(progress: Progress): void;
}

interface SourcesOptions {
  github: Pick<GithubRepositories, "resolve" | "download">;
  uploads: Pick<Uploads, "find">;
  /** The starters' files: `<extension>/<path>` → text. */
  bundled(): Promise<Readonly<Record<string, string>>>;
  /** The tree's hash that somebody who is trusted gave for a source, such as the store. */
  checksumOf(source: string): Promise<string | undefined>;
  clock?: () => number;
}

/** How long an answer about what there is now counts: GitHub allows 60 questions an hour to who has no token. */
const LATEST_MS = 10 * 60_000;
const LATEST_MAX = 500;

/** @throws InvalidInputError that says what it should be */
function requireSource(text: string): Source {
  const { source, problem } = parseSource(text);
  if (source !== undefined) return source;
  throw new InvalidInputError(
    `Cannot use the source ${JSON.stringify(text.slice(0, 200))}: ${problem}`,
  );
}

function hashOf({ tree_sha256 }: { tree_sha256: string }): string {
  return `sha256:${tree_sha256}`;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #latest = new Map<string, { at: number; resolved: string }>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /**
   * @throws InvalidInputError for what is no source, a bad archive, or other files than the checksum says ·
   * NotFoundError · TooManyError with the time when it can be tried again · UpstreamError ·
   * UnavailableError when the disk refuses · the signal's reason
   */
  async fetch(text: string, options: FetchOptions): Promise<Fetched> {
    const source = requireSource(text);
    const written = sourceText(source);
    const fetched = await this.#fetch(source, options);
    const expected = await this.#options.checksumOf(written);
    if (expected !== undefined && expected !== fetched.tree_sha256) {
      await rm(options.into, { recursive: true, force: true });
      throw new InvalidInputError(
        `Cannot use "${written}": its files have the checksum ${fetched.tree_sha256}, should be ${expected}`,
        { code: "checksum_mismatch" },
      );
    }
    return { source: written, ...fetched };
  }

  /**
   * What the source offers now, without fetching it; undefined where nothing newer can come.
   * @throws as `fetch`
   */
  async latest(text: string): Promise<{ resolved: string } | undefined> {
    const source = requireSource(text);
    switch (source.kind) {
      case "local":
      case "upload":
        return undefined;
      case "bundled":
        return { resolved: hashOf(bundledTree(await this.#options.bundled(), source.name)) };
      case "github":
        return { resolved: await this.#latestCommit(source) };
    }
  }

  async #latestCommit(source: GithubSource): Promise<string> {
    const { path: _, ...repository } = source;
    const key = sourceText(repository);
    const now = (this.#options.clock ?? Date.now)();
    const known = this.#latest.get(key);
    if (known !== undefined && now - known.at < LATEST_MS) return known.resolved;
    const resolved = await this.#options.github.resolve(source);
    if (this.#latest.size >= LATEST_MAX) this.#latest.clear();
    this.#latest.set(key, { at: now, resolved });
    return resolved;
  }

  async #fetch(source: Source, options: FetchOptions): Promise<Omit<Fetched, "source">> {
    switch (source.kind) {
      case "local":
        throw new InvalidInputError('Cannot fetch "local": its files are where they are');
      case "upload":
        return this.#fetchUpload(source.file, options);
      case "bundled":
        return this.#fetchBundled(source.name, options);
      case "github":
        return this.#fetchGithub(source, options);
    }
  }

  async #fetchGithub(source: GithubSource, options: FetchOptions) {
    const { into, signal, onProgress } = options;
    const resolved = await this.#options.github.resolve(source, signal);
    const archive = temporaryName(`${into}.archive`);
    try {
      await this.#options.github.download(source, resolved, { to: archive, signal, onProgress });
      const { path: only } = source;
      const unpacked = await unpack(archive, {
        ...{ into, label: sourceText(source), stripTop: "always", only, signal },
      });
      return { resolved, ...unpacked };
    } finally {
      await rm(archive, { force: true });
    }
  }

  async #fetchUpload(file: string, { into, signal }: FetchOptions) {
    const { path, sha256 } = await this.#options.uploads.find(file);
    const stripTop = { unless: KEPT_AS_TOP };
    const unpacked = await unpack(path, { into, label: file, stripTop, signal });
    return { resolved: `sha256:${sha256}`, ...unpacked };
  }

  async #fetchBundled(name: string, { into }: FetchOptions) {
    const tree = bundledTree(await this.#options.bundled(), name);
    if (!(await layOutFiles(tree.files, into))) {
      throw new ConflictError(`Cannot fetch "bundled:${name}": "${into}" is there already`);
    }
    const { bytes, tree_sha256 } = tree;
    return { resolved: hashOf(tree), bytes, files: tree.files.size, tree_sha256 };
  }
}
