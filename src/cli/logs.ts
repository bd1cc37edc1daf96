/** `luna logs`: the lines of all parts in the order of time, out of the files, whether Luna runs or not. */
import { z } from "zod";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { secretValuesOf } from "../config/known-keys.ts";
import { pathsOf } from "../config/paths.ts";
import { type LogLine, LogQuery } from "../contract/logs.ts";
import { NotFoundError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { readerGone } from "../lib/reader-gone.ts";
import { follow } from "../log-files/follow.ts";
import { type Page, pageBackward, readPage, spansNow } from "../log-files/page.ts";
import { type Filter, parsePattern, selectLogs } from "../log-files/select.ts";
import { readArguments, readTime, UsageError } from "./arguments.ts";
import { lineFormatter } from "./log-format.ts";
import { USAGE } from "./usage.ts";
import { writeOut } from "./write-out.ts";

const LINES = 200;
/** More would not fit into memory with certainty. */
const LINES_MAX = 100_000;
const LINES_PER_WRITE = 1_000;

const Options = z.strictObject({
  lines: z.coerce.number().int().min(0).max(LINES_MAX).optional(),
  follow: z.boolean().default(false),
  json: z.boolean().default(false),
  since: z.string().optional(),
  level: LogQuery.shape.level,
  grep: z.string().optional(),
  /** As the control API asks for it: one page, by cursor. */
  page: z.boolean().default(false),
  after: LogQuery.shape.after,
  before: LogQuery.shape.before,
});

function readOptions(args: string[]) {
  const given = readArguments(args, {
    usage: USAGE.logs,
    words: { min: 0, max: Number.POSITIVE_INFINITY },
    options: {
      lines: { type: "string", short: "n" },
      follow: { type: "boolean", short: "f" },
      json: { type: "boolean" },
      since: { type: "string" },
      level: { type: "string" },
      grep: { type: "string" },
      page: { type: "boolean" },
      after: { type: "string" },
      before: { type: "string" },
    },
  });
  const parsed = Options.safeParse({ ...given.values });
  if (!parsed.success) {
    throw new UsageError(`Cannot show logs: ${explain(parsed.error)}\nUsage: ${USAGE.logs}`);
  }
  const { lines, ...options } = parsed.data;
  // A time says itself how much is wanted.
  const limit = lines ?? (options.since === undefined ? LINES : LINES_MAX);
  return { ...options, limit, names: given.positionals };
}

/** What an extension writes of its keys into its own log is in the file, and shown to nobody. */
async function secretsOf(environment: Environment): Promise<string[]> {
  try {
    return secretValuesOf(await new EnvFile(pathsOf(environment.home).env).read());
  } catch {
    // Logs are read above all when something is broken.
    return [];
  }
}

export async function logs(environment: Environment, args: string[]): Promise<number> {
  const options = readOptions(args);
  const { names, limit, after, before } = options;
  const { logFolders: folders, logs: folder } = pathsOf(environment.home);
  const files = selectLogs(folders, names);
  if (files.length === 0 && !options.follow) {
    throw new NotFoundError(`Cannot show logs: there are none in "${folder}"; set LUNA_HOME`);
  }
  const filter: Filter = {
    level: options.level,
    since: options.since === undefined ? undefined : readTime(options.since),
    grep: options.grep === undefined ? undefined : parsePattern(options.grep),
  };
  const secrets = await secretsOf(environment);
  if (options.page) {
    const found = await readPage({ files, filter, limit, after, before, secrets });
    await writeOut(`${JSON.stringify(found)}\n`);
    return 0;
  }
  const withUnfinished = !options.follow;
  const page: Page =
    limit === 0
      ? { entries: [], spans: spansNow(files), more: false }
      : await pageBackward({ files, filter, limit, withUnfinished, secrets });
  const format = lineFormatter({
    names: files.map(({ name }) => name),
    color: environment.color,
  });
  const show = async (lines: readonly LogLine[]): Promise<boolean> => {
    for (let at = 0; at < lines.length; at += LINES_PER_WRITE) {
      const some = lines.slice(at, at + LINES_PER_WRITE);
      const texts = some.map((line) => (options.json ? `${JSON.stringify(line)}\n` : format(line)));
      if (!(await writeOut(texts.join("")))) return false;
    }
    return true;
  };
  const isRead = await show(page.entries.map(({ line }) => line));
  if (!isRead || !options.follow) return 0;
  const isGone = readerGone(process.stdout.fd);
  await follow({
    ...{ folders, names, filter, after: page.spans, secrets: () => secrets },
    onLines: async ({ lines, gap }) => {
      if (gap > 0) process.stderr.write(`At least ${gap} lines came too fast to be shown\n`);
      return show(lines);
    },
    isOver: isGone,
  });
  return 0;
}
