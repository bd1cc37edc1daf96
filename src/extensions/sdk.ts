/** The module "luna" that extensions import: how a tool is defined, and what it is given when it runs. */
import { z } from "zod";
import type { ToolAnnotations, ToolExample } from "../contract/tool.ts";
import type { Logger } from "../lib/log.ts";

export type { ToolAnnotations, ToolExample };
export { z };

/** What a tool is given beside its arguments. */
export interface ToolContext {
  /** The extension's name. */
  readonly extension: string;
  /** The extension's own folder for data (absolute path, 0700), made when it is first asked for. */
  readonly data_dir: string;
  /** Aborts when the call's time is up or its caller has gone; pass it on to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** Writes to the extension's log file. */
  readonly log: Logger;
}

export interface ToolDefinition<Input extends z.ZodObject = z.ZodObject> {
  /** `DOMAIN_GET_…`, `DOMAIN_UPDATE_…` or `DOMAIN_ACTION_…`; unique among all extensions. */
  readonly name: string;
  /** For the model: what it does, when to use it, what it answers. */
  readonly description: string;
  readonly input: Input;
  readonly example?: ToolExample;
  readonly annotations?: ToolAnnotations;
  /** How long one call may take, in milliseconds; the host's default otherwise. */
  readonly timeout_ms?: number;
  /**
   * Answers one call. `[success, payload]`, a string or any JSON value; what it throws is a failure.
   * A string is handed on as it is, even when its text is JSON.
   */
  run(args: z.output<Input>, context: ToolContext): unknown;
}

/** Gives `run` the types of its arguments; Luna checks the definition when it loads the file. */
export function defineTool<Input extends z.ZodObject>(
  definition: ToolDefinition<Input>,
): ToolDefinition<Input> {
  return definition;
}
