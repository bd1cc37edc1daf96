/** Reads a plain function in TOOLS: its name is the tool's, and static properties say the rest. */
import { z } from "zod";

const SECTION = /^\s*(Example Prompt|Example Args|Example Response):\s*(.*)$/;

function jsonOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback; // Most responses are documented as text.
  }
}

/**
 * Takes the documented sections (specification 7.2) out of a docstring. Without all three of them,
 * or when the arguments are no JSON, the text stays as it is and there is no example.
 */
function readDocstring(text: string): { description: string; example?: unknown } {
  const sections = new Map<string, string>();
  const rest: string[] = [];
  for (const line of text.split("\n")) {
    const [, section, value] = SECTION.exec(line) ?? [];
    if (section === undefined) rest.push(line.trim());
    else sections.set(section, value?.trim() ?? "");
  }
  const args = jsonOr(sections.get("Example Args") ?? "", undefined);
  const prompt = sections.get("Example Prompt");
  const response = sections.get("Example Response");
  if (args === undefined || prompt === undefined || response === undefined) {
    return { description: text.trim() };
  }
  const description = rest.join("\n").trim();
  return { description, example: { prompt, args, response: jsonOr(response, response) } };
}

/**
 * The definition that a plain function stands for. A function keeps no docstring at run time, so
 * `description` (with the documented sections) and `input` are properties set on it.
 */
export function definitionOfFunction(tool: (...given: never[]) => unknown): unknown {
  const statics: Record<string, unknown> = { ...tool };
  const { description } = statics;
  return {
    input: z.object({}),
    ...statics,
    ...(typeof description === "string" ? readDocstring(description) : {}),
    name: tool.name,
    run: tool,
  };
}
