/** Takes keys over from a `.env` file: first what would change, by name, then the change. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRef } from "react";
import type { EnvUpload } from "../../../../src/contract/secrets.ts";
import { uploadEnv } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { SECRETS } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Failure } from "../../ui/notice.tsx";
import { EffectNotice } from "./effect-notice.tsx";

interface UploadCardProps {
  /** What was told of an earlier change is not the newest any more. */
  onApplied(): void;
}

export function UploadCard({ onApplied }: UploadCardProps) {
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const preview = useMutation({
    mutationFn: async (file: File) => ({ file, shown: await uploadEnv({ file }) }),
  });
  const apply = useMutation({
    mutationFn: uploadEnv,
    onSuccess: async () => {
      preview.reset();
      onApplied();
      await client.invalidateQueries(SECRETS);
    },
  });
  const choose = (file: File | undefined): void => {
    if (file === undefined) return;
    apply.reset();
    preview.mutate(file);
  };
  const { file, shown } = preview.data ?? {};
  const error = preview.error ?? apply.error;
  return (
    <Card title="Bring in a .env file">
      <div className="space-y-4">
        <p className="text-muted">
          Its keys are added to yours. You see what changes before anything is written.
        </p>
        <input
          ref={input}
          type="file"
          aria-label=".env file"
          className="sr-only"
          tabIndex={-1}
          onChange={(event) => {
            choose(event.target.files?.[0]);
            // The same file again, once it was corrected, is a choice too.
            event.target.value = "";
          }}
        />
        <Button isBusy={preview.isPending} onClick={() => input.current?.click()}>
          {!preview.isPending && <Upload aria-hidden className="size-4" />}
          Choose a file
        </Button>
        {error !== null && <Failure title="The file was not taken." message={messageOf(error)} />}
        {file !== undefined && shown !== undefined && (
          <Preview
            shown={shown}
            isBusy={apply.isPending}
            onCancel={() => preview.reset()}
            onApply={() => apply.mutate({ file, apply: shown.preview })}
          />
        )}
        {apply.data !== undefined && (
          <EffectNotice done={countText(apply.data.updated_count, "written")} effect={apply.data} />
        )}
      </div>
    </Card>
  );
}

function countText(count: number, done: string): string {
  return count === 1 ? `One key is ${done}.` : `${count} keys are ${done}.`;
}

interface PreviewProps {
  shown: EnvUpload;
  isBusy: boolean;
  onCancel(): void;
  onApply(): void;
}

function Preview({ shown, isBusy, onCancel, onApply }: PreviewProps) {
  const count = shown.added.length + shown.changed.length;
  return (
    <div role="status" className="space-y-3 rounded-lg border border-line p-3">
      <Names title="New" names={shown.added} />
      <Names title="Changed" names={shown.changed} />
      <Names title="The same as now" names={shown.unchanged} />
      {shown.refused.length > 0 && (
        <div>
          <h3 className="font-medium text-warn">Left out</h3>
          <ul>
            {shown.refused.map(({ line, name, reason }) => (
              <li key={`${line}-${name}`}>
                Line {line}
                {name !== null && <span className="font-mono"> {name}</span>}: {reason}
              </li>
            ))}
          </ul>
        </div>
      )}
      {count === 0 && <p>There is nothing in it that would change anything.</p>}
      <div className="flex flex-wrap gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        {count > 0 && (
          <Button look="primary" isBusy={isBusy} onClick={onApply}>
            {count === 1 ? "Write this key" : `Write these ${count} keys`}
          </Button>
        )}
      </div>
    </div>
  );
}

function Names({ title, names }: { title: string; names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <div>
      <h3 className="font-medium">{title}</h3>
      <p className="font-mono [overflow-wrap:anywhere]">{names.join(", ")}</p>
    </div>
  );
}
