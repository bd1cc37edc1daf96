/** Answers questions for lines of logs. A search by pattern runs in a process of its own: a pattern may take for ever. */
import { baseEnvironment, type Environment, selfCommand } from "../config/environment.ts";
import { MARK_VARIABLE, processMark } from "../config/mark.ts";
import type { Paths } from "../config/paths.ts";
import { LogPage, type LogQuery } from "../contract/logs.ts";
import { InvalidInputError, TooManyError, UnavailableError } from "../lib/errors.ts";
import { redact } from "../lib/log.ts";
import { readPage } from "../log-files/page.ts";
import { selectLogs } from "../log-files/select.ts";
import { parseSince } from "../log-files/since.ts";

/** A page that is not full by then is given with a cursor to go on. */
const SCANNED_BYTES_MAX = 16 * 1024 * 1024;
const SEARCH_TIMEOUT_MS = 10_000;
const SEARCHES_MAX = 2;
const SEARCH_BYTES_MAX = 64 * 1024 * 1024;

type Search = LogQuery & { grep: string };

interface LogQueriesOptions {
  environment: Environment;
  paths: Paths;
  /** Values that are shown nowhere. */
  secrets(): readonly string[];
}

export class LogQueries {
  readonly #options: LogQueriesOptions;
  #searches = 0;

  constructor(options: LogQueriesOptions) {
    this.#options = options;
  }

  /** @param signal ends a search whose asker went away */
  async page(query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    const { paths, secrets } = this.#options;
    // Unknown names, dates and levels are told before anything is started.
    const files = selectLogs(paths.logFolders, query.names);
    const since = query.since === undefined ? undefined : parseSince(query.since, Date.now());
    if (query.grep !== undefined) return this.#search({ ...query, grep: query.grep }, signal);
    const { level, limit, after, before } = query;
    return readPage({
      ...{ files, filter: { level, since }, limit, after, before },
      ...{ secrets: secrets(), scannedBytesMax: SCANNED_BYTES_MAX },
    });
  }

  async #search(query: Search, signal: AbortSignal | undefined): Promise<LogPage> {
    if (this.#searches >= SEARCHES_MAX) {
      throw new TooManyError(`Cannot search the logs: ${SEARCHES_MAX} searches are under way`);
    }
    this.#searches += 1;
    try {
      return await this.#searchInChild(query, signal);
    } finally {
      this.#searches -= 1;
    }
  }

  async #searchInChild(query: Search, signal: AbortSignal | undefined): Promise<LogPage> {
    const { environment, paths, secrets } = this.#options;
    const child = Bun.spawn([...selfCommand(), "logs", ...searchArguments(query)], {
      cwd: paths.home,
      env: {
        ...baseEnvironment(environment),
        [MARK_VARIABLE]: processMark(paths.home, "log-search"),
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: SEARCH_TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: SEARCH_BYTES_MAX,
      ...(signal === undefined ? {} : { signal }),
    });
    const [text, problem, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code === 0) return LogPage.parse(JSON.parse(redact(text, secrets())));
    if (child.signalCode === null) throw new InvalidInputError(problem.trim());
    throw new UnavailableError(
      `Cannot search the logs for "${query.grep}": it takes longer than ${SEARCH_TIMEOUT_MS / 1000} s; try fewer logs, a later time or a simpler pattern`,
    );
  }
}

function searchArguments(query: Search): string[] {
  const { names = [], limit, grep, level, since, after, before } = query;
  const given = { grep, lines: String(limit), level, since, after, before };
  const options = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
  return ["--page", ...options, "--", ...names];
}
