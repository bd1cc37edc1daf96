/** The editor for a field, whatever its kind: objects, lists and unions hold further ones. */
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "../ui/button.tsx";
import { type Draft, initialDraft, innerPath, readVariant } from "./draft.ts";
import type { Field, Property, Shape } from "./field.ts";
import { type EditorProps, GroupFrame } from "./field-frame.tsx";
import { propertiesOf, sameJson } from "./json.ts";
import {
  BooleanEditor,
  ChoiceEditor,
  JsonEditor,
  NumberEditor,
  TextEditor,
} from "./value-editors.tsx";

type ShapedProps<Kind extends Shape["kind"]> = EditorProps & {
  shape: Extract<Shape, { kind: Kind }>;
};

function FieldEditor(props: EditorProps) {
  const { shape } = props.field;
  switch (shape.kind) {
    case "text":
      return <TextEditor {...props} shape={shape} />;
    case "number":
      return <NumberEditor {...props} shape={shape} />;
    case "boolean":
      return <BooleanEditor {...props} />;
    case "choice":
      return <ChoiceEditor {...props} shape={shape} />;
    case "list":
      return <ListEditor {...props} shape={shape} />;
    case "object":
      return <ObjectEditor {...props} shape={shape} />;
    case "union":
      return <UnionEditor {...props} shape={shape} />;
    case "json":
      return <JsonEditor {...props} />;
    default:
      return shape satisfies never;
  }
}

interface PropertyEditorsProps extends Omit<EditorProps, "field" | "name" | "required"> {
  properties: readonly Property[];
}

/** The fields of an object, one below the other; also the form itself. */
export function PropertyEditors(props: PropertyEditorsProps) {
  const { properties, draft, path, faults, onChange } = props;
  const drafts = propertiesOf(draft) ?? {};
  return (
    <div className="space-y-4">
      {properties.map(({ name, required, field: fieldOfProperty }) => {
        const field = fieldOfProperty();
        if (required && isSettled(field, drafts[name])) return null;
        return (
          <FieldEditor
            key={name}
            field={field}
            name={name}
            required={required}
            draft={drafts[name]}
            path={innerPath(path, name)}
            faults={faults}
            onChange={(inner) => {
              const { [name]: _replaced, ...others } = drafts;
              onChange(inner === undefined ? others : { ...others, [name]: inner });
            }}
          />
        );
      })}
    </div>
  );
}

/** Whether there is nothing to choose: a constant, such as the one that tells a union's variant. */
function isSettled({ shape }: Field, draft: Draft): boolean {
  return shape.kind === "choice" && shape.options.length === 1 && sameJson(shape.options[0], draft);
}

function ObjectEditor({ shape, ...props }: ShapedProps<"object">) {
  const { field, name, required, draft, onChange } = props;
  const isThere = draft !== undefined;
  const action =
    isThere && !required ? (
      <RemoveButton what={name} onClick={() => onChange(undefined)} />
    ) : isThere ? undefined : (
      <AddButton what={name} onClick={() => onChange(initialDraft(field, true) ?? {})} />
    );
  return (
    <GroupFrame {...props} action={action}>
      {isThere && (
        <div className="mt-2">
          <PropertyEditors {...props} properties={shape.properties} />
        </div>
      )}
    </GroupFrame>
  );
}

function ListEditor({ shape, ...props }: ShapedProps<"list">) {
  const { name, required, draft, path, faults, onChange } = props;
  const items: readonly Draft[] = Array.isArray(draft) ? draft : [];
  const item = shape.item();
  const isFull = shape.maxItems !== undefined && items.length >= shape.maxItems;
  const change = (changed: readonly Draft[]): void =>
    onChange(changed.length === 0 && !required ? undefined : changed);
  const add = (): void => change([...items, initialDraft(item, true)]);
  return (
    <GroupFrame
      {...props}
      action={isFull ? undefined : <AddButton what={`an item to ${name}`} onClick={add} />}
    >
      {items.length > 0 && (
        <ol className="mt-2 space-y-3">
          {items.map((inner, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an item is known by its place; its control shows the draft alone
            <li key={index} className="flex items-end gap-2">
              <div className="min-w-0 flex-1">
                <FieldEditor
                  field={item}
                  name={`${index + 1}`}
                  required
                  draft={inner}
                  path={innerPath(path, index)}
                  faults={faults}
                  onChange={(changed) => change(items.with(index, changed))}
                />
              </div>
              <RemoveButton
                what={`item ${index + 1} of ${name}`}
                onClick={() => change(items.toSpliced(index, 1))}
              />
            </li>
          ))}
        </ol>
      )}
    </GroupFrame>
  );
}

const LEFT_OUT = "";

function UnionEditor({ shape, ...props }: ShapedProps<"union">) {
  const { name, required, draft, path, onChange } = props;
  // A variant that was just chosen may have nothing yet that tells it from the others.
  const [chosen, setChosen] = useState<number | undefined>();
  const isThere = draft !== undefined || chosen !== undefined || required;
  const index = chosen ?? readVariant(shape, draft, path).index;
  const variant = isThere ? shape.variants[index] : undefined;
  const choose = (value: string): void => {
    const next = value === LEFT_OUT ? undefined : Number(value);
    setChosen(next);
    const field = next === undefined ? undefined : shape.variants[next]?.field();
    onChange(field === undefined ? undefined : initialDraft(field, true));
  };
  const select = (
    <select
      aria-label={`Form of ${name}`}
      className="control w-auto"
      value={variant === undefined ? LEFT_OUT : index}
      onChange={(event) => choose(event.target.value)}
    >
      {!required && <option value={LEFT_OUT}>(left out)</option>}
      {shape.variants.map(({ label }, position) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a variant is known by its place in the schema
        <option key={position} value={position}>
          {label}
        </option>
      ))}
    </select>
  );
  // A variant of one control tells its own faults, at the same path.
  const isGroup = variant?.field().shape.kind === "object";
  return (
    <GroupFrame
      {...props}
      faults={variant === undefined || isGroup ? props.faults : []}
      action={select}
    >
      {variant !== undefined && (
        <div className="mt-2">
          <VariantEditor {...props} key={index} field={variant.field()} name={variant.label} />
        </div>
      )}
    </GroupFrame>
  );
}

/** An object's fields stand in the union's own frame; other kinds bring theirs. */
function VariantEditor(props: EditorProps) {
  const { shape } = props.field;
  if (shape.kind === "object") return <PropertyEditors {...props} properties={shape.properties} />;
  return <FieldEditor {...props} required />;
}

function AddButton({ what, onClick }: { what: string; onClick(): void }) {
  return (
    <Button onClick={onClick}>
      <Plus aria-hidden className="size-4" />
      Add<span className="sr-only"> {what}</span>
    </Button>
  );
}

function RemoveButton({ what, onClick }: { what: string; onClick(): void }) {
  return (
    <IconButton label={`Remove ${what}`} onClick={onClick}>
      <Trash2 aria-hidden className="size-4" />
    </IconButton>
  );
}
