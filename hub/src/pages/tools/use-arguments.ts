/** The arguments of a tool while they are filled in: as a form and as JSON, always the same. */
import { useMemo, useState } from "react";
import type { ToolView } from "../../../../src/contract/tool.ts";
import { type Draft, type Fault, initialDraft, readDraft } from "../../schema-form/draft.ts";
import { type Field, fieldOf } from "../../schema-form/field.ts";
import { type JsonObject, propertiesOf, toJson } from "../../schema-form/json.ts";

/** In which of the two they are entered; that one is what counts. */
type ArgumentsView = "form" | "json";

export interface ToolArguments {
  view: ArgumentsView;
  setView(view: ArgumentsView): void;
  field: Field;
  draft: Draft;
  setDraft(draft: Draft): void;
  jsonText: string;
  setJsonText(text: string): void;
  /** Why the text of the JSON tab cannot be used; undefined when it can. */
  jsonFault: string | undefined;
  /** Empty until `check` was called. */
  faults: readonly Fault[];
  /** The arguments when they are right; shows what is wrong otherwise. */
  check(): JsonObject | undefined;
  fill(start: "example" | "empty"): void;
}

function parseArguments(text: string): { draft: Draft } | { fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { fault: `This is not valid JSON: ${error instanceof Error ? error.message : error}` };
  }
  const properties = propertiesOf(value);
  return properties === undefined
    ? { fault: "The arguments must be an object: { … }" }
    : { draft: properties };
}

const jsonObjectOf = (value: unknown): JsonObject => {
  const json = propertiesOf(toJson(value));
  return Object.fromEntries(Object.entries(json ?? {}).map(([k, v]) => [k, toJson(v) ?? null]));
};

export function useToolArguments(tool: ToolView): ToolArguments {
  const field = useMemo(() => fieldOf(tool.input_schema), [tool.input_schema]);
  const empty = (): Draft => initialDraft(field, true) ?? {};
  const [draft, setDraft] = useState<Draft>(() => ({
    ...propertiesOf(empty()),
    ...tool.example?.args,
  }));
  // What was typed in the JSON tab; undefined while the form's state is the newer one.
  const [typed, setTyped] = useState<string | undefined>();
  const [isChecked, setChecked] = useState(false);
  const [view, setView] = useState<ArgumentsView>(field.shape.kind === "object" ? "form" : "json");

  const reading = readDraft({ field, draft, required: true, path: "" });
  const parsed = typed === undefined ? undefined : parseArguments(typed);
  const jsonFault = parsed !== undefined && "fault" in parsed ? parsed.fault : undefined;

  const begin = (start: Draft): void => {
    setDraft(start);
    setTyped(undefined);
    setChecked(false);
  };
  return {
    view,
    setView,
    field,
    draft,
    setDraft: (changed) => {
      setDraft(changed);
      setTyped(undefined);
    },
    jsonText: typed ?? JSON.stringify(toJson(draft) ?? {}, null, 2),
    setJsonText: (text) => {
      setTyped(text);
      const result = parseArguments(text);
      if ("draft" in result) setDraft(result.draft);
    },
    jsonFault,
    faults: isChecked ? reading.faults : [],
    check: () => {
      setChecked(true);
      const isReadable = view === "form" || jsonFault === undefined;
      return isReadable && reading.faults.length === 0 ? jsonObjectOf(reading.value) : undefined;
    },
    fill: (start) => begin(start === "example" ? { ...tool.example?.args } : empty()),
  };
}
