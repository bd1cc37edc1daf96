/** What one call of a tool is given: the extension's folder and log, and its way to the client. */
import { mkdirSync } from "node:fs";
import type { z } from "zod";
import type { Askable } from "../../contract/tool.ts";
import { LogLevel } from "../../contract/tool-call.ts";
import type {
  ContentOf,
  ElicitAnswer,
  ElicitRequest,
  ElicitUrlRequest,
  Root,
  SampleAnswer,
  SampleRequest,
  ToolContext,
} from "../../extensions/context.ts";
import type { JsonSchema } from "../../extensions/json-schema.ts";
import type { Logger } from "../../lib/log.ts";
import type { Conversation } from "./conversation.ts";
import { type Asking, elicitation, roots, sampling, urlElicitation } from "./questions.ts";

const LEVELS = LogLevel.options;

const IN_WORDS: Record<Askable, string> = {
  elicitation: "to fill in a form",
  elicitation_url: "to open a page",
  sampling: "for an answer of its model",
  roots: "for its folders",
};

/** The client cannot be asked for what the tool needs. */
export class CannotAskError extends Error {
  readonly needs: Askable;

  constructor(needs: Askable) {
    super(`it has to ask its client ${IN_WORDS[needs]}, which this client cannot`);
    this.name = "CannotAskError";
    this.needs = needs;
  }
}

interface CallContextOptions {
  extension: string;
  dataFolder: string;
  log: Logger;
  signal: AbortSignal;
  conversation: Conversation;
}

export class CallContext implements ToolContext {
  readonly extension: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly #dataFolder: string;
  readonly #conversation: Conversation;

  constructor({ extension, dataFolder, log, signal, conversation }: CallContextOptions) {
    this.extension = extension;
    this.signal = signal;
    this.log = log;
    this.#dataFolder = dataFolder;
    this.#conversation = conversation;
  }

  get data_dir(): string {
    mkdirSync(this.#dataFolder, { recursive: true, mode: 0o700 });
    return this.#dataFolder;
  }

  can(what: Askable): boolean {
    return this.#conversation.abilities.asks.includes(what);
  }

  progress(progress: number, { total, message }: { total?: number; message?: string } = {}): void {
    if (!this.#conversation.abilities.progress) return;
    this.#conversation.tell({
      event: "progress",
      progress,
      ...(total === undefined ? {} : { total }),
      ...(message === undefined ? {} : { message }),
    });
  }

  tell(level: LogLevel, data: unknown): void {
    const wanted = this.#conversation.abilities.log_level;
    if (wanted === null || LEVELS.indexOf(level) < LEVELS.indexOf(wanted)) return;
    this.#conversation.tell({ event: "log", level, data, logger: this.extension });
  }

  changed(what: "tools" | "prompts" | "resources" | { uri: string }): void {
    this.#conversation.tell({
      event: "changed",
      ...(typeof what === "string" ? { what } : { uri: what.uri }),
    });
  }

  hang_up(): void {
    this.#conversation.tell({ event: "hang_up" });
  }

  async elicit<Schema extends z.ZodObject | JsonSchema>(
    request: ElicitRequest<Schema>,
  ): Promise<ElicitAnswer<ContentOf<Schema>>> {
    const answer = await this.#ask("elicitation", request.key, elicitation(request));
    // The form was checked against the very schema that says its type.
    return answer as ElicitAnswer<ContentOf<Schema>>;
  }

  elicit_url(request: ElicitUrlRequest): Promise<ElicitAnswer<undefined>> {
    return this.#ask("elicitation_url", request.key, Promise.resolve(urlElicitation(request)));
  }

  sample(request: SampleRequest): Promise<SampleAnswer> {
    return this.#ask("sampling", request.key, Promise.resolve(sampling(request)));
  }

  roots(request: { key?: string } = {}): Promise<readonly Root[]> {
    return this.#ask("roots", request.key, Promise.resolve(roots()));
  }

  async #ask<Answer>(
    needs: Askable,
    key: string | undefined,
    preparing: Promise<Asking<Answer>>,
  ): Promise<Answer> {
    this.signal.throwIfAborted();
    if (!this.can(needs)) throw new CannotAskError(needs);
    // What the question itself read of the answer.
    return (await this.#conversation.ask(key, preparing)) as Answer;
  }
}
