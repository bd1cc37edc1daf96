/** Which tools a key may use of what it opens. */
import { useId } from "react";
import type { KeyDraft } from "./key-draft.ts";

type Part = Pick<KeyDraft, "isNarrow" | "patterns" | "read_only">;

interface ToolChoicesProps {
  draft: Part;
  onChange(part: Partial<Part>): void;
}

export function ToolChoices({ draft, onChange }: ToolChoicesProps) {
  const id = useId();
  return (
    <fieldset>
      <legend className="mb-1 font-medium">Tools</legend>
      {[false, true].map((isNarrow) => (
        <label key={String(isNarrow)} className="flex w-fit items-center gap-2 py-1">
          <input
            type="radio"
            name={id}
            className="size-4"
            checked={draft.isNarrow === isNarrow}
            onChange={() => onChange({ isNarrow })}
          />
          {isNarrow ? "Only these" : "All tools that the agents and servers have"}
        </label>
      ))}
      {draft.isNarrow && (
        <div className="py-1 pl-6">
          <textarea
            rows={2}
            aria-label="Tools, by name or pattern"
            aria-describedby={`${id}-patterns`}
            autoCapitalize="none"
            spellCheck={false}
            className="control font-mono"
            value={draft.patterns}
            onChange={(event) => onChange({ patterns: event.target.value })}
          />
          <p id={`${id}-patterns`} className="mt-1 text-xs text-muted">
            Names with commas or blanks between them; * stands for anything, as in NOTES_GET_*.
          </p>
        </div>
      )}
      <label className="mt-1 flex w-fit items-center gap-2 py-1">
        <input
          type="checkbox"
          className="size-4"
          aria-describedby={`${id}-reading`}
          checked={draft.read_only}
          onChange={(event) => onChange({ read_only: event.target.checked })}
        />
        Of these only tools that change nothing
      </label>
      <p id={`${id}-reading`} className="pl-6 text-xs text-muted">
        Those whose author declares them read-only. A tool that declares nothing is not among them.
      </p>
    </fieldset>
  );
}
