/** A tool's arguments in two views that stay in step: a form made from its schema, and JSON. */
import { PropertyEditors } from "../../schema-form/field-editor.tsx";
import { Button } from "../../ui/button.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import type { ToolArguments } from "./use-arguments.ts";

interface ArgumentsEditorProps {
  args: ToolArguments;
  hasExample: boolean;
}

export function ArgumentsEditor({ args, hasExample }: ArgumentsEditorProps) {
  const { shape } = args.field;
  const properties = shape.kind === "object" ? shape.properties : undefined;
  return (
    <>
      <Tabs
        label="How to enter the arguments"
        value={args.view}
        onChange={args.setView}
        tabs={[
          { id: "form", label: "Form", content: <FormView args={args} /> },
          { id: "json", label: "JSON", content: <JsonView args={args} /> },
        ]}
      />
      {properties?.length !== 0 && (
        <div className="mt-3 flex flex-wrap gap-2">
          {hasExample && <Button onClick={() => args.fill("example")}>Use the example</Button>}
          <Button onClick={() => args.fill("empty")}>Clear</Button>
        </div>
      )}
    </>
  );
}

function FormView({ args }: { args: ToolArguments }) {
  const { shape } = args.field;
  if (shape.kind !== "object") {
    return <p className="text-muted">These arguments have no form; enter them as JSON.</p>;
  }
  if (shape.properties.length === 0) return <p className="text-muted">It takes no arguments.</p>;
  return (
    <div className="space-y-4">
      {args.jsonFault !== undefined && (
        <Notice tone="warn">
          The text in the JSON tab is not valid. Here is its last valid state, and that is what runs
          from here; a change here replaces the text.
        </Notice>
      )}
      <PropertyEditors
        properties={shape.properties}
        draft={args.draft}
        path=""
        faults={args.faults}
        onChange={args.setDraft}
      />
    </div>
  );
}

const ID = "arguments-json";

function JsonView({ args }: { args: ToolArguments }) {
  const faults =
    args.jsonFault === undefined
      ? args.faults.map(({ path, message }) => `${path === "" ? "" : `${path}: `}${message}`)
      : [args.jsonFault];
  return (
    <div>
      <label htmlFor={ID} className="mb-1 block font-medium">
        Arguments
      </label>
      <textarea
        id={ID}
        rows={6}
        spellCheck={false}
        aria-invalid={faults.length > 0 || undefined}
        aria-describedby={faults.length > 0 ? `${ID}-faults` : undefined}
        className="control font-mono text-xs"
        value={args.jsonText}
        onChange={(event) => args.setJsonText(event.target.value)}
      />
      <ul id={`${ID}-faults`} className="mt-1 text-xs text-bad">
        {faults.map((fault) => (
          <li key={fault}>{fault}</li>
        ))}
      </ul>
    </div>
  );
}
