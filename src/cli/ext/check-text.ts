/** What a check found, for people. */
import type { InputSchema } from "../../contract/tool.ts";
import type { Finding } from "../../extensions/check/finding.ts";
import { COST_NOTE } from "../../extensions/check/tool-cost.ts";
import { table } from "../table.ts";

export interface CheckedTool {
  name: string;
  signature: string;
  input_schema: InputSchema;
  tokens: number;
  example: {
    /**
     * - `refused`: the tool answered, with a failure.
     * - `failed`: it did not come to answer.
     * - `not_run`: it may change something, and nobody asked for that.
     */
    status: "ok" | "refused" | "failed" | "none" | "not_run";
    ms?: number;
    text?: string;
  };
}

export interface Checked {
  extension: string;
  path: string;
  findings: Finding[];
  tools: CheckedTool[];
  /** Of SYSTEM_PROMPT. */
  prompt_tokens: number;
}

const INDENT = 11;

function exampleText({ status, ms }: CheckedTool["example"]): string {
  if (status === "not_run") return "not run, as it may change something (--all)";
  return ms === undefined ? status : `${status}, ${ms} ms`;
}

function findingText({ severity, file, field, message }: Finding): string {
  const place = [file, field].filter((one) => one !== undefined && one !== "").join(": ");
  const text = message.replaceAll("\n", `\n${" ".repeat(INDENT)}`);
  return `  ${severity.padEnd(INDENT - 2)}${place === "" ? "" : `${place}: `}${text}`;
}

export function checkedText({ extension, path, findings, tools, prompt_tokens }: Checked): string {
  const total = tools.reduce((sum, { tokens }) => sum + tokens, prompt_tokens);
  const rows = tools.map((tool) => [
    `  ${tool.name}(${tool.signature})`,
    String(tool.tokens),
    exampleText(tool.example),
  ]);
  const shown = [
    ["  TOOL", "TOKENS", "EXAMPLE"],
    ...rows,
    ["  SYSTEM_PROMPT", String(prompt_tokens), ""],
    ["  all", String(total), ""],
  ];
  return [
    `${extension}  ${path}`,
    ...(findings.length === 0 ? ["  ok       nothing to improve"] : findings.map(findingText)),
    ...(tools.length === 0 ? [] : [table(shown), `  (${COST_NOTE})`]),
  ].join("\n");
}
