/** Checks what tools say of themselves: a model chooses and calls them by nothing else. */
import { z } from "zod";
import type { ToolDescription } from "../../contract/tool.ts";
import type { Finding } from "./finding.ts";

/** Specification 7.2: `DOMAIN_{GET|UPDATE|ACTION}_verb`. */
const NAME = /^[A-Z][A-Z0-9_]*_(GET|UPDATE|ACTION)_[a-z0-9][a-z0-9_]*$/;
const DESCRIPTION_LENGTH_MIN = 20;
/** Clients cut longer ones. */
const DESCRIPTION_LENGTH_MAX = 1_024;

const Field = z.looseObject({ description: z.string().optional() });
const Fields = z.record(z.string(), Field);

/** Whether it says, or its name does where it says nothing, that it only reads. */
export function reads({ name, annotations }: ToolDescription): boolean {
  return annotations?.readOnlyHint ?? NAME.exec(name)?.[1] === "GET";
}

/** How the tools are written: what Python has no words for is not missed. */
export type Language = "typescript" | "python";

function checkHints({ name, annotations }: ToolDescription, language: Language): string[] {
  const kind = NAME.exec(name)?.[1];
  if (kind === undefined) {
    return [
      "Its name should be DOMAIN_GET_…, DOMAIN_UPDATE_… or DOMAIN_ACTION_…, as in NOTES_GET_all",
    ];
  }
  if (language === "typescript" && kind === "GET" && annotations?.readOnlyHint !== true) {
    return [
      "It is called GET: say annotations: { readOnlyHint: true }, or keys for reading cannot use it",
    ];
  }
  if (kind !== "GET" && annotations?.readOnlyHint === true) {
    return [`It is called ${kind}, and says that it only reads`];
  }
  return [];
}

function checkDescription({ description }: ToolDescription): string[] {
  const { length } = description;
  if (length < DESCRIPTION_LENGTH_MIN) {
    return ["Its description is too short to choose it by: say what it does, and what it answers"];
  }
  if (length > DESCRIPTION_LENGTH_MAX) {
    return [
      `Its description has ${length} characters; clients cut it after ${DESCRIPTION_LENGTH_MAX}`,
    ];
  }
  return [];
}

function checkInput({ input_schema }: ToolDescription): string[] {
  const fields = Fields.safeParse(input_schema["properties"]).data ?? {};
  const silent = Object.entries(fields).flatMap(([name, { description }]) =>
    description ? [] : [name],
  );
  if (silent.length === 0) return [];
  return [`Its arguments ${silent.join(", ")} have no description: use .describe("…")`];
}

/** Pure. */
export function checkTools(
  tools: readonly ToolDescription[],
  language: Language = "typescript",
): Finding[] {
  return tools.flatMap((tool) => {
    const example =
      tool.example === undefined ? ["It has no example, which shows a model how to call it"] : [];
    const messages = [
      ...checkHints(tool, language),
      ...checkDescription(tool),
      ...(language === "python" ? [] : checkInput(tool)),
      ...example,
    ];
    return messages.map((message) => ({
      ...{ severity: "warning" as const, file: "tools", field: tool.name, message },
    }));
  });
}
