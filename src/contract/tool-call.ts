/** The protocol of a tool host's socket: calls, what is told and asked on the way, and their ends. */
/*
 * Each message is a line, `<number> <word> <JSON>`; the number is the exchange's, which the caller chose. Callers say
 * `call`, `answer`, `cancel`, `complete`, and `gone` when they do not wait any more. Hosts say `event` on the way, then
 * one of `end`, `forgotten` (an answer to a call that does not wait for it) and `refused`; and `bye` once they end and
 * have answered all that they took.
 */
import { z } from "zod";
import { Askable, ToolResult } from "./tool.ts";

const ARRAY_MAX = 1_000;

/** The levels of RFC 5424 that MCP has, the least important first. */
export const LogLevel = z.enum([
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
]);
export type LogLevel = z.infer<typeof LogLevel>;

/** What whoever waits for a call can be told and asked. Without it: nothing. */
export const CallerAbilities = z.object({
  asks: z.array(Askable),
  progress: z.boolean(),
  /** The least important messages that are wanted; null: none. */
  log_level: LogLevel.nullable(),
});
export type CallerAbilities = z.infer<typeof CallerAbilities>;

/** What a call is for: `name` is a tool's or prompt's name, or a resource's URI or template. */
export const CallKind = z.enum(["tool", "resource", "template", "prompt"]);
export type CallKind = z.infer<typeof CallKind>;

/** Answers to questions, by the questions' keys. */
export const Answers = z.record(z.string(), z.unknown());
export type Answers = z.infer<typeof Answers>;

/** `call`. */
export const HostCall = z.strictObject({
  kind: CallKind.default("tool"),
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  abilities: CallerAbilities.optional(),
  /** To questions that the call is known to ask. */
  answers: Answers.optional(),
});
export type HostCall = z.input<typeof HostCall>;

/** `complete`: suggestions for one argument of a prompt or one variable of a template. */
export const HostCompletion = z.strictObject({
  kind: z.enum(["template", "prompt"]),
  name: z.string(),
  argument: z.string(),
  value: z.string(),
  /** The other arguments, as far as they are known. */
  others: z.record(z.string(), z.string()).default({}),
});
export type HostCompletion = z.input<typeof HostCompletion>;

export const Suggestions = z.object({ values: z.array(z.string()).max(ARRAY_MAX) });
export type Suggestions = z.infer<typeof Suggestions>;

/** `answer`: goes on with a call that asked something. */
export const HostAnswer = z.strictObject({
  call: z.string(),
  answers: Answers,
  abilities: CallerAbilities.optional(),
});
export type HostAnswer = z.infer<typeof HostAnswer>;

/** `cancel`: nobody will answer a call that asked something. */
export const HostCancel = z.strictObject({ call: z.string() });

/** A request of MCP's that the client is to answer. */
export const Question = z.object({
  method: z.enum(["elicitation/create", "sampling/createMessage", "roots/list"]),
  params: z.record(z.string(), z.unknown()),
});
export type Question = z.infer<typeof Question>;

/** A call that waits for answers; `call` is its name for `answer`. */
export const HostQuestions = z.object({
  call: z.string(),
  questions: z.record(z.string(), Question),
});
export type HostQuestions = z.infer<typeof HostQuestions>;

/** How an exchange with a host ends: with the result, or with questions. */
export const HostEnd = z.union([ToolResult, HostQuestions]);
export type HostEnd = z.infer<typeof HostEnd>;

/** What comes before the end, if anything does. */
export const HostEvent = z.discriminatedUnion("event", [
  z.object({
    event: z.literal("progress"),
    progress: z.number(),
    total: z.number().optional(),
    message: z.string().optional(),
  }),
  z.object({
    event: z.literal("log"),
    level: LogLevel,
    data: z.unknown(),
    logger: z.string().optional(),
  }),
  /** What the extension offers, or the resource at `uri`, is not what it was. */
  z.object({
    event: z.literal("changed"),
    what: z.enum(["tools", "prompts", "resources"]).optional(),
    uri: z.string().optional(),
  }),
  /** The client may hang up and come back for the result. */
  z.object({ event: z.literal("hang_up") }),
]);
export type HostEvent = z.infer<typeof HostEvent>;
