/** A key that was just made: the one time that it is shown. */
import { Button } from "../../../ui/button.tsx";
import { CodeBlock } from "../../../ui/code-block.tsx";

export interface NewKey {
  name: string;
  api_key: string;
  /** Whether it is kept where it can be read again. */
  isKept?: boolean;
}

const ONCE =
  "It is shown this once: Luna keeps no copy that it could show again. Put it where your program finds it, then close this.";
const KEPT =
  "It is in .env from now on, and the Connect page shows it. Programs that have the old one need it.";

export function NewKeyNotice({ name, api_key, isKept, onDone }: NewKey & { onDone(): void }) {
  return (
    <div role="status" className="space-y-2 rounded-lg border border-accent p-3">
      <p>
        <strong>The key “{name}”.</strong> {isKept === true ? KEPT : ONCE}
      </p>
      <CodeBlock code={api_key} what={`the key ${name}`} />
      <Button onClick={onDone}>I have it</Button>
    </div>
  );
}
