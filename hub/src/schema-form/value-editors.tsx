/** Fields of one control: text, number, yes or no, choice, and JSON for what has no control of its own. */
import { useState } from "react";
import { type Draft, optionText, Unreadable } from "./draft.ts";
import type { Shape } from "./field.ts";
import { type EditorProps, FieldFrame } from "./field-frame.tsx";
import { sameJson, toJson } from "./json.ts";

type ShapeOf<Kind extends Shape["kind"]> = Extract<Shape, { kind: Kind }>;
type ShapedProps<Kind extends Shape["kind"]> = EditorProps & { shape: ShapeOf<Kind> };

/** Longer texts, and those without a bound, may have several lines. */
const ONE_LINE_LENGTH_MAX = 200;

/** An emptied field is left out; the JSON tab can say "" where that is meant. */
const textDraft = (text: string): Draft => (text === "" ? undefined : text);

export function TextEditor({ shape, ...props }: ShapedProps<"text">) {
  const value = typeof props.draft === "string" ? props.draft : "";
  const { maxLength, format, pattern } = shape;
  const isOneLine =
    format !== undefined ||
    pattern !== undefined ||
    (maxLength !== undefined && maxLength <= ONE_LINE_LENGTH_MAX);
  return (
    <FieldFrame {...props}>
      {(control) =>
        isOneLine ? (
          <input
            {...control}
            type="text"
            className="control"
            autoComplete="off"
            placeholder={format}
            value={value}
            onChange={(event) => props.onChange(textDraft(event.target.value))}
          />
        ) : (
          <textarea
            {...control}
            rows={1}
            className="control"
            value={value}
            onChange={(event) => props.onChange(textDraft(event.target.value))}
          />
        )
      }
    </FieldFrame>
  );
}

/** The number that a text says, or what it is instead. */
function numberDraft(text: string): Draft {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(trimmed)
    ? Number(trimmed)
    : Number.NaN;
  return Number.isFinite(value) ? value : new Unreadable(text);
}

export function NumberEditor({ shape, ...props }: ShapedProps<"number">) {
  // "1.0" on its way to "1.05" is the number 1: what was typed stays as long as it means the same.
  const [typed, setTyped] = useState("");
  const { draft } = props;
  const isTyped = sameJson(numberDraft(typed), draft);
  const shown =
    draft instanceof Unreadable ? draft.text : typeof draft === "number" ? `${draft}` : "";
  return (
    <FieldFrame {...props}>
      {(control) => (
        <input
          {...control}
          type="text"
          inputMode={shape.isInteger ? "numeric" : "decimal"}
          className="control"
          autoComplete="off"
          value={isTyped ? typed : shown}
          onChange={(event) => {
            setTyped(event.target.value);
            props.onChange(numberDraft(event.target.value));
          }}
        />
      )}
    </FieldFrame>
  );
}

const LEFT_OUT = "";

interface OptionsProps extends EditorProps {
  options: readonly { label: string; value: Draft }[];
}

function OptionsEditor({ options, ...props }: OptionsProps) {
  const chosen = options.findIndex(({ value }) => sameJson(value, props.draft));
  return (
    <FieldFrame {...props}>
      {(control) => (
        <select
          {...control}
          className="control"
          value={chosen === -1 ? LEFT_OUT : chosen}
          onChange={({ target }) =>
            props.onChange(
              target.value === LEFT_OUT ? undefined : options[Number(target.value)]?.value,
            )
          }
        >
          <option value={LEFT_OUT}>{props.required ? "Choose…" : "(left out)"}</option>
          {options.map(({ label }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an option is known by its place in the schema
            <option key={index} value={index}>
              {label}
            </option>
          ))}
        </select>
      )}
    </FieldFrame>
  );
}

export function ChoiceEditor({ shape, ...props }: ShapedProps<"choice">) {
  const options = shape.options.map((value) => ({ label: optionText(value), value }));
  return <OptionsEditor {...props} options={options} />;
}

const YES_OR_NO = [
  { label: "yes (true)", value: true },
  { label: "no (false)", value: false },
];

export function BooleanEditor(props: EditorProps) {
  return <OptionsEditor {...props} options={YES_OR_NO} />;
}

function jsonText(draft: Draft): string {
  if (draft instanceof Unreadable) return draft.text;
  return draft === undefined ? "" : JSON.stringify(toJson(draft), null, 2);
}

function jsonDraft(text: string): Draft {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return new Unreadable(text);
  }
}

export function JsonEditor(props: EditorProps) {
  // As with numbers: spaces and line breaks stay as they were typed.
  const [typed, setTyped] = useState("");
  const isTyped = sameJson(jsonDraft(typed), props.draft);
  return (
    <FieldFrame {...props}>
      {(control) => (
        <textarea
          {...control}
          rows={2}
          spellCheck={false}
          className="control font-mono text-xs"
          value={isTyped ? typed : jsonText(props.draft)}
          onChange={(event) => {
            setTyped(event.target.value);
            props.onChange(jsonDraft(event.target.value));
          }}
        />
      )}
    </FieldFrame>
  );
}
