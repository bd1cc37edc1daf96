/** Reads a plain function in TOOLS: its name is the tool's, and static properties say the rest. */
import { z } from "zod";

const SECTION = /^\s*(Example Prompt|Example Args|Example Response):\s*(.*)$/;
const NOTES = /^\s*Notes:/;
const QUOTED = /^"(.*)"$/;

function jsonOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback; // Most responses are documented as text.
  }
}

/** The sections by name, and all other lines. A section that begins on its next line goes on until an empty one, or the notes. */
function sectionsOf(text: string): { sections: Map<string, string>; rest: string[] } {
  const sections = new Map<string, string>();
  const rest: string[] = [];
  let open: string | undefined;
  for (const line of text.split("\n")) {
    const [, section, value = ""] = SECTION.exec(line) ?? [];
    if (section !== undefined) {
      sections.set(section, value.trim());
      open = value.trim() === "" ? section : undefined;
    } else if (open !== undefined && line.trim() !== "" && !NOTES.test(line)) {
      sections.set(open, `${sections.get(open)}\n${line}`.trim());
    } else {
      open = undefined;
      rest.push(line.trim());
    }
  }
  return { sections, rest };
}

/**
 * Takes the documented sections (specification 7.2) out of a docstring. Without all three of them,
 * or when the arguments are no JSON, the text stays as it is and there is no example.
 */
export function readDocstring(text: string): { description: string; example?: unknown } {
  const { sections, rest } = sectionsOf(text);
  const args = jsonOr(sections.get("Example Args") ?? "", undefined);
  const prompt = sections.get("Example Prompt");
  const response = sections.get("Example Response");
  if (args === undefined || prompt === undefined || response === undefined) {
    return { description: text.trim() };
  }
  const description = rest
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return {
    description,
    example: {
      prompt: QUOTED.exec(prompt)?.[1] ?? prompt,
      args,
      response: jsonOr(response, response),
    },
  };
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
