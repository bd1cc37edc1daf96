/** Keys that extensions ask for and that nobody has set. */
import type { RequiredSecrets } from "../../../../src/contract/secrets.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import type { Asked } from "./secret-dialog.tsx";

interface MissingCardProps {
  required: RequiredSecrets;
  onAsk(asked: Asked): void;
}

export function MissingCard({ required, onAsk }: MissingCardProps) {
  const missing = Object.entries(required).filter(([, { is_set }]) => !is_set);
  if (missing.length === 0) return null;
  return (
    <Card title="Missing" tone="warn">
      <ul className="divide-y divide-line">
        {missing.map(([name, { label, help, extensions, default: initial }]) => (
          <li key={name} className="flex flex-wrap items-center gap-3 py-3 first:pt-0 last:pb-0">
            <div className="min-w-0 flex-1 basis-60">
              <p className="font-mono font-medium [overflow-wrap:anywhere]">{name}</p>
              {label !== null && <p>{label}</p>}
              {help !== null && <p className="text-muted">{help}</p>}
              <p className="text-xs text-muted">{extensions.join(", ")} waits for it</p>
            </div>
            <Button
              look="primary"
              onClick={() => onAsk({ name, isSet: false, help, initial: initial ?? "" })}
            >
              Set<span className="sr-only"> {name}</span>
            </Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
