/** What a tool is given beside its arguments: its folder, its log, and a way to its client. */
import type { z } from "zod";
import type { ContentBlock } from "../contract/content.ts";
import type { Askable } from "../contract/tool.ts";
import type { LogLevel } from "../contract/tool-call.ts";
import type { Logger } from "../lib/log.ts";
import type { JsonSchema } from "./json-schema.ts";

interface Keyed {
  /** Names the question for the client, unique within the call; the first is `question_1` otherwise. */
  key?: string;
}

export interface ElicitRequest<Schema> extends Keyed {
  /** What the person is asked. */
  message: string;
  /** Of a flat object: texts, numbers, booleans and choices. */
  schema: Schema;
}

export interface ElicitUrlRequest extends Keyed {
  message: string;
  /** Where the person does what must not go through the client, such as a payment or a sign-in. */
  url: string;
}

export type ElicitAnswer<Content> =
  | { action: "accept"; content: Content }
  | { action: "decline" | "cancel" };

interface SampleMessage {
  role: "user" | "assistant";
  content: ContentBlock | readonly ContentBlock[];
}

export interface SampleRequest extends Keyed {
  /** A text of the user's, in place of `messages`. */
  prompt?: string;
  messages?: readonly SampleMessage[];
  max_tokens: number;
  system_prompt?: string;
  temperature?: number;
  stop_sequences?: readonly string[];
}

export interface SampleAnswer {
  role: "user" | "assistant";
  /** The text of the answer; "" when it has none. */
  text: string;
  content: unknown;
  model: string;
  stop_reason?: string;
}

export interface Root {
  uri: string;
  name?: string;
}

/** The content of an accepted form. */
export type ContentOf<Schema> = Schema extends z.ZodType
  ? z.output<Schema>
  : Record<string, unknown>;

export interface ToolContext {
  /** The extension's name. */
  readonly extension: string;
  /** The extension's own folder for data (absolute path, 0700), made when it is first asked for. */
  readonly data_dir: string;
  /** Aborts when the call's time is up or its caller has gone; pass it on to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** Writes to the extension's log file. */
  readonly log: Logger;
  /** Whether whoever called can be asked this. Asking all the same throws. */
  can(what: Askable): boolean;
  /** How far the call is, for a client that shows it. */
  progress(progress: number, more?: { total?: number; message?: string }): void;
  /** A message for whoever called; lost when it wants none of that level. */
  tell(level: LogLevel, data: unknown): void;
  /**
   * Asks the person at the client to fill in a form. The time that it takes does not count.
   * @throws when the client cannot be asked, or the call was given up meanwhile
   */
  elicit<Schema extends z.ZodObject | JsonSchema>(
    request: ElicitRequest<Schema>,
  ): Promise<ElicitAnswer<ContentOf<Schema>>>;
  /** Sends the person to a page; `accept` means that they agreed to go. */
  elicit_url(request: ElicitUrlRequest): Promise<ElicitAnswer<undefined>>;
  /** Asks the client's model. */
  sample(request: SampleRequest): Promise<SampleAnswer>;
  /** The folders that the client works in. */
  roots(request?: Keyed): Promise<readonly Root[]>;
  /** Tells clients to look again: at a list of this extension, or at the resource at `uri`. */
  changed(what: "tools" | "prompts" | "resources" | { uri: string }): void;
  /** For what takes long: the client may hang up and come back for the result. */
  hang_up(): void;
}
