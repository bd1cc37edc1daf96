/** All of something, or some of it by name. */
import type { KeyScopes } from "../../../../../src/contract/api-keys.ts";

interface NameChoicesProps {
  /** "Agents" */
  legend: string;
  /** "All agents, also those to come" */
  all: string;
  names: readonly string[];
  /** What is said when there are no names. */
  none: string;
  value: KeyScopes["agents"];
  onChange(value: KeyScopes["agents"]): void;
}

const ROW = "flex w-fit items-center gap-2 py-1";

export function NameChoices({ legend, all, names, none, value, onChange }: NameChoicesProps) {
  const isAll = value === "all";
  const chosen = isAll ? [] : value;
  const toggle = (name: string, isOn: boolean): void =>
    onChange(isOn ? [...chosen, name] : chosen.filter((one) => one !== name));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{legend}</legend>
      <label className={ROW}>
        <input
          type="checkbox"
          className="size-4"
          checked={isAll}
          onChange={(event) => onChange(event.target.checked ? "all" : [])}
        />
        {all}
      </label>
      {names.map((name) => (
        <label key={name} className={`${ROW} ${isAll ? "text-muted" : ""}`}>
          <input
            type="checkbox"
            className="size-4"
            disabled={isAll}
            checked={isAll || chosen.includes(name)}
            onChange={(event) => toggle(name, event.target.checked)}
          />
          {name}
        </label>
      ))}
      {names.length === 0 && <p className="text-xs text-muted">{none}</p>}
    </fieldset>
  );
}
