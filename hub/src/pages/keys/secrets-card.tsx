/** Every key of `.env`, those that Luna made for itself below the others. */
import { Plus } from "lucide-react";
import type { SecretChanged, SecretList } from "../../../../src/contract/secrets.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import type { Asked } from "./secret-dialog.tsx";
import { SecretRow } from "./secret-row.tsx";

interface SecretsCardProps {
  list: SecretList;
  onAsk(asked: Asked): void;
  onDone(changed: SecretChanged): void;
}

const NEW: Asked = { name: undefined, isSet: false, help: null, initial: "" };

export function SecretsCard({ list, onAsk, onDone }: SecretsCardProps) {
  const all = Object.entries(list);
  const others = all.filter(([, view]) => !view.made_by_luna);
  const own = all.filter(([, view]) => view.made_by_luna);
  const add = (
    <Button onClick={() => onAsk(NEW)}>
      <Plus aria-hidden className="size-4" />
      Add a key
    </Button>
  );
  const rows = (some: typeof all) => (
    <ul className="divide-y divide-line">
      {some.map(([name, view]) => (
        <SecretRow key={name} name={name} view={view} onAsk={onAsk} onDone={onDone} />
      ))}
    </ul>
  );
  return (
    <Card title="Secrets" action={add}>
      {others.length === 0 ? (
        <p className="text-muted">
          No keys are set. Extensions say here what they need, once they are installed.
        </p>
      ) : (
        rows(others)
      )}
      {own.length > 0 && (
        <details className="mt-4 border-t border-line pt-3">
          <summary className="w-fit py-1 text-accent">Made by Luna for itself</summary>
          <div className="pt-3">{rows(own)}</div>
        </details>
      )}
    </Card>
  );
}
