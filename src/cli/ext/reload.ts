/** `luna ext reload <name>`: takes up an extension's files as they are now; and how that is asked and told. */
import type { z } from "zod";
import type { Environment } from "../../config/environment.ts";
import {
  ExtensionReload,
  type ReloadedTools,
  type ReloadRequest,
} from "../../contract/extension-reload.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { EXT_USAGE } from "../usage.ts";
import { readExtensionName } from "./extension-name.ts";

/** Starts may take as long, and what is restarted is awaited. */
const RELOAD_TIMEOUT_MS = 60_000;
/** As `src/extensions/load-tools.ts` writes it. */
const LOAD_PROBLEM =
  /^Cannot load "(?<file>[^"]+)": (?:"(?<other>[^"]+)", )?line (?<line>\d+), column (?<column>\d+): /;

/** Asks the running Luna to take up the extension's files. */
export function reload(
  control: Control,
  name: string,
  body: z.input<typeof ReloadRequest>,
): Promise<ExtensionReload> {
  return control.ask(`/extensions/${name}/reload`, ExtensionReload, {
    ...{ method: "POST", body, timeoutMs: RELOAD_TIMEOUT_MS },
  });
}

/** A place as editors and terminals open it. */
function problemText(problem: string): string {
  const { file, other, line, column } = LOAD_PROBLEM.exec(problem)?.groups ?? {};
  if (line === undefined) return problem;
  return `${other ?? file}:${line}:${column}: ${problem.replace(LOAD_PROBLEM, "")}`;
}

function toolsText({ status, count, added, changed, removed, problems }: ReloadedTools): string[] {
  const lines: string[] = [];
  const counted = count === 1 ? "1 tool" : `${count} tools`;
  if (status === "kept") lines.push("  tools   not loaded; what was there before goes on");
  if (status === "loaded") lines.push(`  tools   ${counted}, callable now`);
  for (const [sign, names] of [
    ["+", added],
    ["~", changed],
    ["-", removed],
  ] as const) {
    for (const name of names) lines.push(`          ${sign} ${name}`);
  }
  return [...lines, ...problems.map((problem) => `  !       ${problemText(problem)}`)];
}

/** Whether all of it is as its author wants it. */
export function isWell({ tools, processes }: ExtensionReload): boolean {
  const isLoaded = tools?.status !== "kept" && (tools?.problems ?? []).length === 0;
  const isUp = processes.every(({ status }) => status === "running" || status === "stopped");
  return isLoaded && isUp;
}

export function reloadText(reloaded: ExtensionReload): string {
  const { extension, tools, processes, duration_ms } = reloaded;
  const how = isWell(reloaded) ? "is loaded" : "is not loaded as it is";
  return [
    `${extension} ${how} (${Math.round(duration_ms)} ms)`,
    ...(tools === null ? [] : toolsText(tools)),
    ...processes.map(({ label, status }) => `  ${status.padEnd(8)}${label}`),
  ].join("\n");
}

export async function extReload(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.reload,
    options: { json: { type: "boolean", default: false } },
    words: { min: 1, max: 1 },
  });
  const name = readExtensionName(positionals[0] ?? "");
  const reloaded = await reload(await Control.of(environment), name, {});
  const text = values.json ? JSON.stringify(reloaded, null, 2) : reloadText(reloaded);
  process.stdout.write(`${text}\n`);
  return isWell(reloaded) ? 0 : 1;
}
