/** Copies a text, and says that it did. */
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "./button.tsx";

const SHOWN_MS = 2_000;

/** `navigator.clipboard` exists on https and on this computer only; the old way works on a home network too. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}

type Outcome = "none" | "copied" | "refused";
const LABELS: Record<Outcome, string> = {
  none: "Copy",
  copied: "Copied",
  refused: "Select it to copy",
};

interface CopyButtonProps {
  text: string;
  /** What is copied, for those who cannot see where the button stands. */
  what: string;
}

export function CopyButton({ text, what }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<Outcome>("none");
  useEffect(() => {
    if (outcome === "none") return;
    const timer = setTimeout(() => setOutcome("none"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async (): Promise<void> => {
    setOutcome((await copyText(text)) ? "copied" : "refused");
  };
  const Icon = outcome === "copied" ? Check : Copy;
  return (
    <Button onClick={() => void copy()}>
      <Icon aria-hidden className="size-4" />
      {/* On a phone the icon has to do, until there is something to say. */}
      <span aria-live="polite" className={outcome === "none" ? "max-sm:sr-only" : ""}>
        {LABELS[outcome]}
      </span>
      <span className="sr-only"> {what}</span>
    </Button>
  );
}
