/** `luna audit`: who did what, from the audit log, whether Luna runs or not. */
import { z } from "zod";
import { idAt } from "../audit/filter.ts";
import type { Environment } from "../config/environment.ts";
import { type AuditEvent, AuditQuery } from "../contract/audit.ts";
import { LunaError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { readerGone } from "../lib/reader-gone.ts";
import { readArguments, readTime, UsageError } from "./arguments.ts";
import { formatEvent } from "./audit-format.ts";
import { type AuditRequest, AuditSource } from "./audit-source.ts";
import { USAGE } from "./usage.ts";
import { writeOut } from "./write-out.ts";

const EVENTS = 50;
/** More would not fit into memory with certainty. */
const EVENTS_MAX = 100_000;
const PERIOD_MS = 500;
/** An event is in the log so much later than it says, at most. */
const LATENESS_MS = 10_000;

const UNAVAILABLE = 503;

const { action, actor, outcome, since, until, text } = AuditQuery.shape;
const Options = z.strictObject({
  ...{ action, actor, outcome, since, until, text },
  limit: z.coerce.number().int().min(0).max(EVENTS_MAX).optional(),
  follow: z.boolean().default(false),
  json: z.boolean().default(false),
});
type Options = z.infer<typeof Options>;

function readOptions(args: string[]): Options {
  const { values } = readArguments(args, {
    usage: USAGE.audit,
    options: {
      action: { type: "string" },
      actor: { type: "string" },
      outcome: { type: "string" },
      text: { type: "string" },
      since: { type: "string" },
      until: { type: "string" },
      limit: { type: "string", short: "n" },
      follow: { type: "boolean", short: "f" },
      json: { type: "boolean" },
    },
  });
  const parsed = Options.safeParse({ ...values });
  if (!parsed.success) {
    throw new UsageError(
      `Cannot show the audit log: ${explain(parsed.error)}\nUsage: ${USAGE.audit}`,
    );
  }
  // One that cannot be read is told at once, whoever is asked.
  for (const time of [parsed.data.since, parsed.data.until]) {
    if (time !== undefined) readTime(time);
  }
  return parsed.data;
}

interface Following {
  source: AuditSource;
  request: AuditRequest;
  /** When the events that were shown already were asked for, in milliseconds since 1970. */
  askedAt: number;
  shown: readonly AuditEvent[];
  /** False when nobody reads it any more. */
  show(events: readonly AuditEvent[]): Promise<boolean>;
}

/** Shows what comes, until nobody reads it; also what came while the database was away. */
async function follow({ source, request, askedAt, shown, show }: Following): Promise<void> {
  const isGone = readerGone(process.stdout.fd);
  const known = new Set(shown.map(({ id }) => id));
  let from = askedAt;
  while (!isGone()) {
    await Bun.sleep(PERIOD_MS);
    const now = Date.now();
    const since = new Date(from).toISOString();
    const events = await newsOf(source.newest({ ...request, since }, EVENTS_MAX));
    if (events === undefined) continue;
    if (!(await show(events.filter(({ id }) => !known.has(id))))) return;
    for (const { id } of events) known.add(id);
    from = Math.max(askedAt, now - LATENESS_MS);
    for (const id of known) if (id < idAt(from)) known.delete(id);
  }
}

/** undefined while the database is away: the same is asked for again. */
async function newsOf(asked: Promise<AuditEvent[]>): Promise<AuditEvent[] | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof LunaError && error.status === UNAVAILABLE) return undefined;
    throw error;
  }
}

export async function audit(environment: Environment, args: string[]): Promise<number> {
  const { limit, follow: isFollowing, json, ...request } = readOptions(args);
  const source = new AuditSource(environment);
  const show = (events: readonly AuditEvent[]): Promise<boolean> => {
    const lines = events.map((event) =>
      json ? `${JSON.stringify(event)}\n` : formatEvent(event, environment.color),
    );
    // The newest is beside the prompt, as in other logs.
    return lines.length === 0 ? Promise.resolve(true) : writeOut(lines.reverse().join(""));
  };
  const askedAt = Date.now();
  // A time says itself how much is wanted.
  const count = limit ?? (request.since === undefined ? EVENTS : EVENTS_MAX);
  const events = await source.newest(request, count);
  if (!(await show(events)) || !isFollowing) return 0;
  await follow({ source, request, askedAt, shown: events, show });
  return 0;
}
