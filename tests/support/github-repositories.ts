/** GitHub's side of fetching a repository: which commit a name is at, and that commit's files from another host. */
import { createHash } from "node:crypto";
import { githubTarball } from "./archives.ts";

type Files = Readonly<Record<string, string>>;

export interface RepositoryOptions {
  owner: string;
  name: string;
  /** Branches and tags: by name, the files that are there. Without it, `files` on `main`. */
  refs?: Readonly<Record<string, Files>>;
  files?: Files;
  defaultBranch?: string;
  /** The token without which nobody sees the repository. */
  token?: string;
}

export interface StoodInRepository {
  /** The source, without a ref. */
  source: string;
  /** Puts other files at a branch or tag, as a push does; answers the new commit. */
  push(files: Files, ref?: string): string;
  /** The commit that the branch or tag is at. */
  commit(ref?: string): string;
  remove(): void;
}

/** `commits` and `tarball` are at the API's host, `archive` is where the second one leads. */
export type RepositoryEndpoint = "commits" | "tarball" | "archive";

/** What the next request of an endpoint gets instead of the true answer. */
export type RepositoryFault =
  | { status: number; body?: string; type?: string; headers?: Record<string, string> }
  /** Never answers. */
  | { hang: true }
  /** Ends, or falls silent, after so many bytes of the archive. */
  | { breakOffAfter: number }
  | { silentAfter: number };

interface RepositoryRequest {
  endpoint: RepositoryEndpoint;
  path: string;
  headers: Headers;
}

const NEVER = new Promise<never>(() => undefined);
const PIECE_BYTES = 4_096;

/** As GitHub refuses who asks too often, until so many seconds since 1970. */
export function rateLimited(reset: number): RepositoryFault {
  return {
    status: 403,
    body: JSON.stringify({ message: "API rate limit exceeded for 203.0.113.7." }),
    headers: {
      "X-RateLimit-Limit": "60",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": String(reset),
    },
  };
}

function notFound(): Response {
  return Response.json({ message: "Not Found", status: "404" }, { status: 404 });
}

interface Repository {
  options: RepositoryOptions;
  refs: Map<string, string>;
}

export class GithubRepositoriesStandIn {
  readonly requests: RepositoryRequest[] = [];
  readonly #repositories = new Map<string, Repository>();
  /** Files by commit. */
  readonly #commits = new Map<string, Files>();
  readonly #faults = new Map<RepositoryEndpoint, RepositoryFault[]>();
  #archiveHost: Bun.Server<undefined> | undefined;

  repository(options: RepositoryOptions): StoodInRepository {
    const { owner, name, defaultBranch = "main" } = options;
    const key = `${owner}/${name}`.toLowerCase();
    const repository: Repository = { options, refs: new Map() };
    this.#repositories.set(key, repository);
    const push = (files: Files, ref = defaultBranch): string => {
      const commit = createHash("sha1")
        .update(JSON.stringify([owner, name, files]))
        .digest("hex");
      this.#commits.set(commit, files);
      repository.refs.set(ref, commit);
      return commit;
    };
    const refs = options.refs ?? { [defaultBranch]: options.files ?? {} };
    for (const [ref, files] of Object.entries(refs)) push(files, ref);
    return {
      source: `github:${owner}/${name}`,
      push,
      commit: (ref = defaultBranch) => repository.refs.get(ref) ?? "",
      remove: () => void this.#repositories.delete(key),
    };
  }

  /** The next request of `endpoint`, or so many of them, fail like this. */
  fail(endpoint: RepositoryEndpoint, fault: RepositoryFault, times = 1): void {
    const waiting = this.#faults.get(endpoint) ?? [];
    waiting.push(...Array.from({ length: times }, () => fault));
    this.#faults.set(endpoint, waiting);
  }

  /** Answers what is below `/repos/` at the API's host. */
  async answer(request: Request, path: string): Promise<Response> {
    const [, owner, name, kind, ...rest] = path.split("/").map(decodeURIComponent);
    const repository = this.#repositories.get(`${owner}/${name}`.toLowerCase());
    const endpoint = kind === "commits" || kind === "tarball" ? kind : undefined;
    if (endpoint === undefined) return notFound();
    this.requests.push({ endpoint, path, headers: request.headers });
    const fault = await this.#faulty(endpoint);
    if (fault !== undefined) return fault;
    const { token } = repository?.options ?? {};
    const authorization = request.headers.get("Authorization");
    if (authorization === "Bearer wrong") {
      return Response.json({ message: "Bad credentials" }, { status: 401 });
    }
    const isSeen = token === undefined || authorization === `Bearer ${token}`;
    if (repository === undefined || !isSeen) return notFound();
    const commit = this.#resolve(repository, rest.join("/"));
    if (commit === undefined) {
      const message = `No commit found for SHA: ${rest.join("/")}`;
      return Response.json({ message, status: "422" }, { status: 422 });
    }
    if (endpoint === "commits") {
      const isPlain = request.headers.get("Accept") === "application/vnd.github.sha";
      return isPlain ? new Response(commit) : Response.json({ sha: commit });
    }
    const { options } = repository;
    const host = this.#host();
    return Response.redirect(
      `${host}/${options.owner}/${options.name}/legacy.tar.gz/${commit}`,
      302,
    );
  }

  async stop(): Promise<void> {
    await this.#archiveHost?.stop(true);
  }

  #resolve({ refs, options }: Repository, ref: string): string | undefined {
    if (ref === "HEAD") return refs.get(options.defaultBranch ?? "main");
    if (refs.has(ref)) return refs.get(ref);
    return this.#commits.has(ref) ? ref : undefined;
  }

  async #faulty(endpoint: RepositoryEndpoint): Promise<Response | undefined> {
    const fault = this.#faults.get(endpoint)?.[0];
    if (fault === undefined) return undefined;
    if ("breakOffAfter" in fault || "silentAfter" in fault) return undefined;
    this.#faults.get(endpoint)?.shift();
    if ("hang" in fault) return NEVER;
    const { status, body = "", type = "application/json", headers } = fault;
    return new Response(body, { status, headers: { "Content-Type": type, ...headers } });
  }

  /** Another origin, as GitHub has another host for archives. */
  #host(): string {
    this.#archiveHost ??= Bun.serve({
      ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0, development: false },
      fetch: (request) => this.#archive(request),
    });
    return `http://127.0.0.1:${this.#archiveHost.port}`;
  }

  async #archive(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.requests.push({ endpoint: "archive", path, headers: request.headers });
    const fault = await this.#faulty("archive");
    if (fault !== undefined) return fault;
    const [, owner, name, , commit = ""] = path.split("/");
    const top = `${owner}-${name}-${commit.slice(0, 7)}`;
    const archive = githubTarball(top, commit, this.#commits.get(commit) ?? {});
    const headers = { "Content-Type": "application/x-gzip" };
    const cut = this.#faults.get("archive")?.shift();
    if (cut === undefined) return new Response(new Uint8Array(archive), { headers });
    const after =
      "breakOffAfter" in cut ? cut.breakOffAfter : "silentAfter" in cut ? cut.silentAfter : 0;
    const stream = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        for (let at = 0; at < after; at += PIECE_BYTES) {
          controller.enqueue(archive.subarray(at, Math.min(at + PIECE_BYTES, after)));
        }
        if ("silentAfter" in cut) return NEVER;
        controller.close();
      },
    });
    return new Response(stream, { headers });
  }
}
