/** `luna queue show|apply|discard|retry`: the changes that wait, the same that the Hub shows. */
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import { Preview, QueueStatus } from "../contract/queue.ts";
import { readArguments, readVerb, type Verb } from "./arguments.ts";
import { applyChanges } from "./changes/apply.ts";
import { previewText } from "./changes/preview-text.ts";
import { Control } from "./control.ts";
import { QUEUE_USAGE, USAGE } from "./usage.ts";

const FLAG = { type: "boolean", default: false } as const;
/** A preview may have to fetch what would be installed. */
const PREVIEW_TIMEOUT_MS = 300_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function show(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, { usage: QUEUE_USAGE.show, options: { json: FLAG } });
  const control = await Control.of(environment);
  const status = await control.ask("/queue/status", QueueStatus);
  if (values.json) say(JSON.stringify(status, null, 2));
  else if (!status.exists) say("No changes wait.");
  else {
    const request = { method: "POST", body: {}, timeoutMs: PREVIEW_TIMEOUT_MS } as const;
    say(previewText(await control.ask("/queue/preview", Preview, request)));
  }
  if (values.json) return 0;
  if (status.run_id !== null) say(`Under way: luna runs ${status.run_id} -f`);
  if (status.failed !== null) {
    say("Changes that could not be made lie aside: luna queue retry, or luna queue discard");
  }
  return 0;
}

async function apply(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, {
    usage: QUEUE_USAGE.apply,
    options: { yes: { ...FLAG, short: "y" }, json: FLAG },
  });
  const { yes: isSure, json: isJson } = values;
  return applyChanges(await Control.of(environment), undefined, { isSure, isJson });
}

async function discard(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: QUEUE_USAGE.discard, options: {} });
  const control = await Control.of(environment);
  const { exists, failed } = await control.ask("/queue/status", QueueStatus);
  if (exists) {
    const Deleted = z.object({ deleted: z.literal(true) });
    await control.ask("/queue/current", Deleted, { method: "DELETE" });
  }
  if (failed !== null) {
    const Discarded = z.object({ discarded: z.int() });
    await control.ask("/queue/failed/discard", Discarded, { method: "POST" });
  }
  say(exists || failed !== null ? "What waited is forgotten." : "Nothing waited.");
  return 0;
}

async function retry(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: QUEUE_USAGE.retry, options: {} });
  const control = await Control.of(environment);
  await control.ask("/queue/failed/retry", z.object({ saved: z.literal(true) }), {
    method: "POST",
  });
  say('What could not be made waits again: "luna queue apply" tries it.');
  return 0;
}

const VERBS: Readonly<Record<string, Verb>> = { show, apply, discard, retry };

export function queue(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.queue });
  return verb(environment, rest);
}
