/** Repositories at GitHub, or an Enterprise Server: which commit a name means now, and that commit's files as an archive. */
import { open } from "node:fs/promises";
import type { GithubApi } from "../config/github.ts";
import { type Source, sourceText } from "../contract/source.ts";
import { UpstreamError } from "../lib/errors.ts";
import { refusalOf } from "./github-answer.ts";
import { textOf, WayError, type WebAnswer, type WebBounds, webGet } from "./web-request.ts";

export type GithubSource = Extract<Source, { kind: "github" }>;

export interface GithubBounds {
  answer: WebBounds;
  archive: WebBounds;
  archive_bytes_max: number;
  /** How long until each further try after an error of the way; as many tries as there are waits. */
  waits_ms: readonly number[];
}

const SECOND_MS = 1000;
const GITHUB_BOUNDS: GithubBounds = {
  answer: { answer_ms: 15 * SECOND_MS, silence_ms: 15 * SECOND_MS, total_ms: 30 * SECOND_MS },
  archive: { answer_ms: 30 * SECOND_MS, silence_ms: 30 * SECOND_MS, total_ms: 900 * SECOND_MS },
  archive_bytes_max: 256 * 1024 ** 2,
  waits_ms: [500, 2_000],
};

const COMMIT_BYTES_MAX = 1_024;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const API_VERSION = "2022-11-28";
const BYTES_PER_MB = 1024 ** 2;

export interface Progress {
  bytes: number;
  total?: number;
}

interface GithubOptions {
  /** As it is configured now. */
  api(): Promise<GithubApi>;
  bounds?: Partial<GithubBounds>;
  clock?: () => number;
}

interface DownloadOptions {
  /** The file to make. */
  to: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

export class GithubRepositories {
  readonly #options: GithubOptions;
  readonly #bounds: GithubBounds;

  constructor(options: GithubOptions) {
    this.#options = options;
    this.#bounds = { ...GITHUB_BOUNDS, ...options.bounds };
  }

  /** The commit that the source's branch or tag is at now. @throws LunaError that says why not */
  async resolve(source: GithubSource, signal?: AbortSignal): Promise<string> {
    const ref = source.ref ?? "HEAD";
    const asked = { source, ref, signal, bounds: this.#bounds.answer };
    // Each part for itself: a slash in a branch's name is one in the address, too.
    const path = `commits/${ref.split("/").map(encodeURIComponent).join("/")}`;
    return this.#again(signal, async () => {
      const answer = await this.#get(path, { ...asked, accept: "application/vnd.github.sha" });
      const commit = (await textOf(answer, COMMIT_BYTES_MAX)).trim();
      if (COMMIT.test(commit)) return commit;
      throw new UpstreamError(
        `Cannot fetch "${sourceText(source)}": what answered is not GitHub's API; look at GITHUB_API_URL`,
      );
    });
  }

  /** Writes the archive of that commit into a new file. @throws LunaError that says why not */
  async download(source: GithubSource, commit: string, options: DownloadOptions): Promise<void> {
    const { to, signal } = options;
    const asked = { source, signal, bounds: this.#bounds.archive, accept: "*/*" };
    await this.#again(signal, async () => {
      const answer = await this.#get(`tarball/${commit}`, asked);
      const file = await open(to, "w", 0o600);
      try {
        for await (const piece of this.#counted(answer, sourceText(source), options)) {
          await file.writeFile(piece);
        }
      } finally {
        await file.close();
      }
    });
  }

  async *#counted(
    answer: WebAnswer,
    what: string,
    { onProgress }: DownloadOptions,
  ): AsyncGenerator<Uint8Array> {
    const { archive_bytes_max } = this.#bounds;
    const total = Number(answer.response.headers.get("Content-Length") ?? 0);
    let bytes = 0;
    for await (const piece of answer.pieces()) {
      if (bytes === 0 && piece[0] !== 0x1f) {
        const type = answer.response.headers.get("Content-Type") ?? "something else";
        throw new UpstreamError(
          `Cannot fetch "${what}": GitHub sent ${type}, should be a tar.gz archive`,
        );
      }
      bytes += piece.byteLength;
      if (bytes > archive_bytes_max) {
        throw new UpstreamError(
          `Cannot fetch "${what}": its archive is over ${archive_bytes_max / BYTES_PER_MB} MB, the most`,
        );
      }
      yield piece;
      onProgress?.({ bytes, ...(total > 0 ? { total } : {}) });
    }
    if (bytes === 0) throw new WayError(`Cannot fetch "${what}": GitHub sent nothing`);
  }

  /** Asking again does no harm, so what broke on the way is asked again; what was refused is not. */
  async #again<Done>(signal: AbortSignal | undefined, work: () => Promise<Done>): Promise<Done> {
    for (const wait of this.#bounds.waits_ms) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof WayError)) throw error;
        // Not all at once again, after one server's bad moment.
        await Bun.sleep(wait * (0.5 + Math.random()));
        signal?.throwIfAborted();
      }
    }
    return work();
  }

  async #get(
    path: string,
    asked: {
      source: GithubSource;
      accept: string;
      bounds: WebBounds;
      ref?: string;
      signal: AbortSignal | undefined;
    },
  ): Promise<WebAnswer> {
    const { source, accept, bounds, ref, signal } = asked;
    const { apiUrl, token } = await this.#options.api();
    const { owner, repo } = source;
    const answer = await webGet(`${apiUrl}/repos/${owner}/${repo}/${path}`, {
      headers: { Accept: accept, "X-GitHub-Api-Version": API_VERSION },
      secretHeaders: token === undefined ? undefined : { Authorization: `Bearer ${token}` },
      ...{ bounds, signal },
    });
    if (answer.response.ok) return answer;
    const now = (this.#options.clock ?? Date.now)();
    const hasToken = token !== undefined;
    throw await refusalOf(answer, { what: sourceText(source), ref, hasToken, now });
  }
}
