/** `luna ext check`: what could be better in an extension, whether its examples work, and what its tools cost a model. */
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Environment } from "../../config/environment.ts";
import { pathsOf } from "../../config/paths.ts";
import type { ToolDescription } from "../../contract/tool.ts";
import { checkFiles } from "../../extensions/check/check-files.ts";
import { checkTools, type Language, reads } from "../../extensions/check/check-tools.ts";
import type { Finding } from "../../extensions/check/finding.ts";
import { signatureOf, tokensOf, tokensOfText } from "../../extensions/check/tool-cost.ts";
import { installedFolders, offersTools } from "../../extensions/discovery.ts";
import { readManifest } from "../../extensions/manifest.ts";
import { LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import { readArguments } from "../arguments.ts";
import { EXT_USAGE } from "../usage.ts";
import { writeOut } from "../write-out.ts";
import { type Checked, type CheckedTool, checkedText } from "./check-text.ts";
import { Trial } from "./trial.ts";

interface CheckOptions {
  folder: string;
  /** Examples of what may change something, too. */
  runsAll: boolean;
}

const FLAG = { type: "boolean", default: false } as const;

/** A name in the home, or a path; else the extension in which one is, or all that are installed. */
function foldersIn(environment: Environment, word: string | undefined): string[] {
  const { extensions } = pathsOf(environment.home);
  if (word === undefined) {
    const here = process.cwd();
    if (existsSync(join(here, "config.json"))) return [here];
    return installedFolders(extensions).filter((path) => statSync(path).isDirectory());
  }
  const found = [join(extensions, word), resolve(word)].find((path) => existsSync(path));
  if (found !== undefined && !(word.includes("/") && found !== resolve(word))) return [found];
  if (found !== undefined) return [resolve(word)];
  throw new NotFoundError(
    `Cannot check "${word}": there is no extension of that name in "${extensions}", and no such folder`,
  );
}

async function tried(trial: Trial, tool: ToolDescription): Promise<CheckedTool["example"]> {
  if (tool.example === undefined) return { status: "none" };
  await trial.ready();
  const began = performance.now();
  const { success, payload } = await trial.call(tool, tool.example.args);
  const ms = Math.round(performance.now() - began);
  if (success) return { status: "ok", ms };
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  // The host's own words: the tool did not come to answer at all.
  const isBroken = text.startsWith(`Cannot run "${tool.name}": `);
  return { status: isBroken ? "failed" : "refused", ms, text };
}

/** What the examples say of the tools. */
function findingOf({ name, example }: CheckedTool): Finding[] {
  if (example.status === "failed") {
    const message = `Its example does not work: ${example.text}`;
    return [{ severity: "error", file: "tools", field: name, message }];
  }
  if (example.status === "refused") {
    const message = `Its example answers with a failure: ${example.text}`;
    return [{ severity: "warning", file: "tools", field: name, message }];
  }
  return [];
}

/** Python has no place for hints and for descriptions of arguments. */
function languageOf(folder: string): Language {
  const files = [...new Bun.Glob("tools/*_tools.*").scanSync(folder)];
  return files.every((file) => file.endsWith(".py")) ? "python" : "typescript";
}

async function checkLoaded(trial: Trial, { folder, runsAll }: CheckOptions) {
  const described = await trial.describe();
  const findings: Finding[] = described.problems.map((message) => {
    return { severity: "error", file: "tools", message };
  });
  const tools: CheckedTool[] = [];
  for (const tool of described.tools) {
    const isRun = runsAll || reads(tool);
    const example = isRun ? await tried(trial, tool) : ({ status: "not_run" } as const);
    const { name, input_schema } = tool;
    const signature = signatureOf(input_schema);
    tools.push({ name, signature, input_schema, tokens: tokensOf(tool), example });
  }
  findings.push(...checkTools(described.tools, languageOf(folder)), ...tools.flatMap(findingOf));
  return { findings, tools, prompt: tokensOfText(described.system_prompt) };
}

async function check(
  environment: Environment,
  { folder, runsAll }: CheckOptions,
): Promise<Checked> {
  const findings = await checkFiles(folder);
  const checked: Checked = {
    ...{ extension: basename(folder), path: folder, findings, tools: [], prompt_tokens: 0 },
  };
  const canLoad = !findings.some(({ severity, file }) => severity === "error" && file === "");
  const manifest = await readManifest(folder).catch(() => undefined); // It is among the findings.
  if (!canLoad || manifest === undefined || !(await offersTools(folder, manifest))) return checked;
  try {
    const trial = await Trial.of(environment, { name: checked.extension, folder });
    try {
      const loaded = await checkLoaded(trial, { folder, runsAll });
      findings.push(...loaded.findings);
      return { ...checked, tools: loaded.tools, prompt_tokens: loaded.prompt };
    } finally {
      await trial.end();
    }
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    findings.push({ severity: "error", file: "tools", message: messageOf(error) });
    return checked;
  }
}

export async function extCheck(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: EXT_USAGE.check,
    options: { all: FLAG, json: FLAG },
    words: { min: 0, max: 1 },
  });
  const checked: Checked[] = [];
  for (const folder of foldersIn(environment, positionals[0])) {
    checked.push(await check(environment, { folder, runsAll: values.all }));
  }
  const isWell = checked.every(({ findings }) =>
    findings.every(({ severity }) => severity !== "error"),
  );
  const text = values.json
    ? JSON.stringify({ ok: isWell, extensions: checked }, null, 2)
    : checked.map(checkedText).join("\n\n");
  await writeOut(`${text}\n`);
  return isWell ? 0 : 1;
}
