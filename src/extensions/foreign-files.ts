/** Tool files that another program has to run, such as Python's: what it tells of them, and how it is asked. */
import type { InputSchema } from "../contract/tool.ts";

export interface ForeignTool {
  name: string;
  /** With the documented sections of specification 7.2; "" when there is none. */
  doc: string;
  input_schema: InputSchema;
  /** As `defineTool` has them; not checked yet. */
  title?: unknown;
  annotations?: unknown;
  timeout_ms?: unknown;
}

export interface ForeignFile {
  file: string;
  tools: readonly ForeignTool[];
  system_prompt: string;
  /** What could not be loaded: the whole file, or one tool of it. */
  problems: readonly { tool?: string | undefined; text: string }[];
}

export interface ForeignFiles {
  /** What runs them is not on this machine: another time it may be. */
  readonly isMissing: boolean;
  /** Loads `files` of `folder`, in that order; never rejects. */
  load(folder: string, files: readonly string[]): Promise<readonly ForeignFile[]>;
  /** What the tool returned. Rejects with what it raised, and when `signal` has aborted and the tool has ended. */
  call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown>;
}
