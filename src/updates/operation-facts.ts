/** Gathers what a preview tells of an operation; its source is got for that, looked at and removed again. */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { QueueOperation } from "../contract/queue.ts";
import { LunaError, messageOf } from "../lib/errors.ts";
import { bytesBelow } from "../lib/tree.ts";
import { inspectTree } from "./inspect.ts";
import type { Fetch } from "./parts.ts";
import type { OperationFacts } from "./preview.ts";
import { DATA_FOLDER } from "./unit.ts";

export interface FactsOptions {
  paths: Paths;
  config: MasterConfig;
  fetch: Fetch;
  /** What runs of an extension, by its name in state.json. */
  running(extension: string): readonly string[];
  signal: AbortSignal;
}

function absentProblem(operation: QueueOperation, options: FactsOptions): string[] {
  const { paths, config } = options;
  if (!("target" in operation) || operation.type === "install") return [];
  const { target } = operation;
  const isThere = existsSync(join(paths.extensions, target));
  const isKnown = config.extensions[target] !== undefined;
  if (isThere && (isKnown || operation.type === "delete")) return [];
  return [`No extension "${target}" is installed`];
}

function sourceOf(operation: QueueOperation, { config }: FactsOptions): string | undefined {
  if (operation.type !== "install" && operation.type !== "update") return undefined;
  const source = operation.source ?? config.extensions[operation.target]?.source;
  return source === "local" || source === "" ? undefined : source;
}

async function foundAt(source: string, target: string, options: FactsOptions) {
  const { paths, fetch, signal } = options;
  // A folder without a journal is cleared up at the next start, should Luna end before.
  const folder = join(paths.runs, crypto.randomUUID());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const into = join(folder, "new");
    const { resolved, bytes } = await fetch(source, { into, signal });
    return { resolved, bytes, inspected: await inspectTree(into, target) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dataBytesOf(operation: QueueOperation, { paths }: FactsOptions): Promise<number> {
  if (operation.type !== "install" && operation.type !== "update") return 0;
  const folder = join(paths.extensions, operation.target, DATA_FOLDER);
  return existsSync(folder) ? bytesBelow(folder) : 0;
}

export async function factsOf(
  operation: QueueOperation,
  options: FactsOptions,
): Promise<OperationFacts> {
  const running = "target" in operation ? options.running(operation.target) : [];
  const problems = absentProblem(operation, options);
  const dataBytes = await dataBytesOf(operation, options);
  const source = sourceOf(operation, options);
  const facts = { operation, running, problems, dataBytes };
  if (source === undefined || !("target" in operation)) return facts;
  try {
    return { ...facts, found: await foundAt(source, operation.target, options) };
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    return { ...facts, problems: [...problems, messageOf(error)] };
  }
}
