/** What surrounds each field: its name, what it takes, its description, null, and what is wrong with it. */
import { type ReactNode, useId } from "react";
import type { Draft, Fault } from "./draft.ts";
import { type Field, typeWord } from "./field.ts";

/** What every editor of a field gets. */
export interface EditorProps {
  field: Field;
  /** The property's name, or the item's number. */
  name: string;
  required: boolean;
  draft: Draft;
  path: string;
  /** The faults of the whole form; empty until it was tried. */
  faults: readonly Fault[];
  onChange(draft: Draft): void;
}

/** What a control needs to belong to its frame. */
interface ControlProps {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
  "aria-required": true | undefined;
  disabled: boolean;
}

interface FieldFrameProps extends EditorProps {
  children(control: ControlProps): ReactNode;
}

/** For fields of one control. */
export function FieldFrame(props: FieldFrameProps) {
  const { field, name, required, draft, path, faults, onChange, children } = props;
  const id = useId();
  const fault = faults.find((found) => found.path === path);
  const described = [
    field.description === undefined ? [] : [`${id}-about`],
    fault === undefined ? [] : [`${id}-fault`],
  ].flat();
  const isNull = draft === null && field.isNullable;
  return (
    <div className="min-w-0">
      <div className="mb-1 flex flex-wrap items-baseline justify-between gap-x-3">
        <label htmlFor={id} className="min-w-0">
          <FieldName field={field} name={name} required={required} />
        </label>
        {field.isNullable && <NullSwitch name={name} isNull={isNull} onChange={onChange} />}
      </div>
      {children({
        id,
        "aria-describedby": described.length === 0 ? undefined : described.join(" "),
        "aria-invalid": fault === undefined ? undefined : true,
        "aria-required": required || undefined,
        disabled: isNull,
      })}
      <Description id={`${id}-about`} field={field} />
      <FaultText id={`${id}-fault`} fault={fault} />
    </div>
  );
}

interface GroupFrameProps extends EditorProps {
  children: ReactNode;
  /** Stands beside the name, such as Add or Remove. */
  action?: ReactNode;
}

/** For fields of several controls. */
export function GroupFrame(props: GroupFrameProps) {
  const { field, name, required, draft, path, faults, onChange, action, children } = props;
  const id = useId();
  const fault = faults.find((found) => found.path === path);
  const isNull = draft === null && field.isNullable;
  return (
    <fieldset
      tabIndex={-1}
      data-faulty={fault !== undefined || undefined}
      aria-describedby={fault === undefined ? undefined : `${id}-fault`}
      className="min-w-0 rounded-lg border border-line p-3 pt-2"
    >
      <legend className="sr-only">{name}</legend>
      <div className="flex min-h-9 flex-wrap items-center justify-between gap-x-3 gap-y-1">
        <span className="min-w-0">
          <FieldName field={field} name={name} required={required} />
        </span>
        <span className="flex items-center gap-3">
          {field.isNullable && <NullSwitch name={name} isNull={isNull} onChange={onChange} />}
          {!isNull && action}
        </span>
      </div>
      <Description id={`${id}-about`} field={field} />
      {!isNull && children}
      <FaultText id={`${id}-fault`} fault={fault} />
    </fieldset>
  );
}

function FieldName({ field, name, required }: Pick<EditorProps, "field" | "name" | "required">) {
  return (
    <>
      <span className="font-medium">{field.title ?? name}</span>{" "}
      <span className="text-muted">
        ({typeWord(field)}
        {required && ", needed"})
      </span>
    </>
  );
}

function Description({ id, field }: { id: string; field: Field }) {
  if (field.description === undefined) return null;
  return (
    <p id={id} className="mt-1 text-xs text-muted">
      {field.description}
    </p>
  );
}

function FaultText({ id, fault }: { id: string; fault: Fault | undefined }) {
  if (fault === undefined) return null;
  return (
    <p id={id} className="mt-1 text-xs text-bad">
      {fault.message}
    </p>
  );
}

interface NullSwitchProps {
  name: string;
  isNull: boolean;
  onChange(draft: Draft): void;
}

function NullSwitch({ name, isNull, onChange }: NullSwitchProps) {
  return (
    <label className="inline-flex min-h-6 items-center gap-1.5 text-muted">
      <input
        type="checkbox"
        aria-label={`${name} is null`}
        checked={isNull}
        onChange={(event) => onChange(event.target.checked ? null : undefined)}
      />
      null
    </label>
  );
}
