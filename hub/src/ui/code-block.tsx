/** Text for a terminal, a file or a program, with a button that copies it. */
import { CopyButton } from "./copy-button.tsx";

interface CodeBlockProps {
  code: string;
  /** What it is: "command", "configuration". */
  what: string;
}

/** Long lines wrap: what is copied should be seen. */
export function CodeBlock({ code, what }: CodeBlockProps) {
  return (
    <div className="flex items-start gap-2 rounded-lg border border-line bg-raised p-2 pl-3">
      <pre className="min-w-0 flex-1 self-center font-mono text-xs/5 [overflow-wrap:anywhere] whitespace-pre-wrap">
        {code}
      </pre>
      <CopyButton text={code} what={what} />
    </div>
  );
}
