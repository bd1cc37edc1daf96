/** Where a process records what belongs into the audit log: cheap, never in the way, and safe from its own end. */
import type { AuditRecord } from "../contract/audit.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { lineOf } from "./event.ts";
import { Refusals, WINDOW_MS } from "./refusals.ts";
import { SegmentWriter, type SegmentWriterOptions } from "./segment-writer.ts";

/** How soon after a failure the next attempt is made: until then what comes is lost at once. */
const RETRY_MS = 250;
/** How often the log tells of events that are being lost. */
const COMPLAINT_INTERVAL_MS = 60_000;
/** Kinds of lost events that are told apart. */
const ACTIONS_MAX = 20;
const OTHERS = "others";

interface Loss {
  since: number;
  count: number;
  /** How many of each action. */
  actions: Record<string, number>;
  reason: string;
  tried_at: number;
  told_at: number;
}

export interface AuditTrailOptions extends SegmentWriterOptions {
  /** Values that must never be written; what looks like a key is taken out anyway. */
  secrets?: readonly string[] | (() => readonly string[]);
  log: Logger;
  /** Milliseconds since 1970. */
  clock?: () => number;
}

/**
 * An event is one line that is appended to a file of this process, without waiting for the disk: it survives
 * the end of the process, however it ends. Auth takes it into the database from there, within a second.
 */
export class AuditTrail {
  readonly #writer: SegmentWriter;
  readonly #secrets: () => readonly string[];
  readonly #log: Logger;
  readonly #clock: () => number;
  readonly #refusals = new Refusals();
  #window: Timer | undefined;
  #retry: Timer | undefined;
  #loss: Loss | undefined;

  constructor({ secrets = [], log, clock = Date.now, ...writer }: AuditTrailOptions) {
    this.#writer = new SegmentWriter(writer);
    this.#secrets = typeof secrets === "function" ? secrets : () => secrets;
    this.#log = log;
    this.#clock = clock;
  }

  /** Records an event. Never throws: what cannot be written is counted, and told once it can. */
  record(record: AuditRecord): void {
    const isTold = this.#refusals.admit(record, this.#clock());
    if (isTold) this.#write(record);
    if (this.#window !== undefined || this.#refusals.isEmpty) return;
    this.#window = setTimeout(() => this.#endWindow(), WINDOW_MS);
    this.#window.unref();
  }

  /** Tells what was only counted so far, and lets the file go. */
  close(): void {
    this.#endWindow();
    this.#tellLoss();
    clearInterval(this.#retry);
    this.#writer.close();
  }

  #endWindow(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    for (const summary of this.#refusals.summaries()) this.#write(summary);
  }

  #write(record: AuditRecord): void {
    const now = this.#clock();
    if (this.#loss !== undefined && now - this.#loss.tried_at >= RETRY_MS) this.#tellLoss();
    if (this.#loss !== undefined) this.#lose(this.#loss, record, now);
    else this.#tryTo(record, now);
  }

  #tryTo(record: AuditRecord, now: number): void {
    try {
      this.#writer.append(lineOf(record, { now, secrets: this.#secrets() }));
    } catch (error) {
      const reason = messageOf(error);
      this.#loss = { since: now, count: 0, actions: {}, reason, tried_at: now, told_at: 0 };
      this.#lose(this.#loss, record, now);
    }
  }

  #lose(loss: Loss, { action }: AuditRecord, now: number): void {
    const isKnown = action in loss.actions || Object.keys(loss.actions).length < ACTIONS_MAX;
    const name = isKnown ? action : OTHERS;
    loss.actions[name] = (loss.actions[name] ?? 0) + 1;
    loss.count += 1;
    if (now - loss.told_at >= COMPLAINT_INTERVAL_MS) {
      loss.told_at = now;
      const { reason, count, actions } = loss;
      this.#log.error("Events of the audit log are lost", { reason, count, actions });
    }
    this.#retry ??= setInterval(() => this.#tellLoss(), RETRY_MS).unref();
  }

  /** Ends the loss if it can be written down. */
  #tellLoss(): void {
    const loss = this.#loss;
    if (loss === undefined) return;
    const now = this.#clock();
    const { count, actions, reason } = loss;
    const since = new Date(loss.since).toISOString();
    const told: AuditRecord = {
      actor: { kind: "system", name: "luna" },
      action: "audit.lost",
      outcome: "failed",
      details: { count, actions, reason, since },
    };
    try {
      this.#writer.append(lineOf(told, { now, secrets: this.#secrets() }));
      this.#loss = undefined;
      clearInterval(this.#retry);
      this.#retry = undefined;
      this.#log.info("Events are recorded in the audit log again", { lost: count, actions, since });
    } catch {
      // As before: what comes is counted on.
      loss.tried_at = now;
    }
  }
}
