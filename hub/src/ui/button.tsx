/** Buttons, and links that look like them. */
import { LoaderCircle } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

type Look = "primary" | "secondary" | "quiet" | "danger";

const BASE =
  "inline-flex min-h-9 items-center justify-center gap-2 rounded-lg border px-3.5 py-1.5 text-sm font-medium select-none disabled:opacity-60 aria-disabled:opacity-60";
const LOOKS: Record<Look, string> = {
  primary: "border-accent bg-accent text-accent-ink enabled:hover:bg-accent-strong",
  secondary: "border-line bg-raised text-ink enabled:hover:border-edge",
  quiet: "border-transparent text-ink enabled:hover:bg-raised forced-colors:border-[ButtonBorder]",
  danger: "border-bad-line text-bad enabled:hover:bg-raised",
};

export function buttonClass(look: Look = "secondary"): string {
  return `${BASE} ${LOOKS[look]}`;
}

interface ButtonProps extends Omit<ComponentProps<"button">, "className"> {
  look?: Look;
  /** Shows a spinner and takes no clicks; the button stays where it is and keeps the focus. */
  isBusy?: boolean;
  children: ReactNode;
}

export function Button({
  look = "secondary",
  isBusy = false,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={isBusy || undefined}
      onClick={(event) => (isBusy ? event.preventDefault() : onClick?.(event))}
      className={buttonClass(look)}
    >
      {isBusy && <Spinner />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "className" | "aria-label"> {
  /** What it does; the icon alone says nothing to a screen reader. */
  label: string;
}

export function IconButton({ label, children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      title={label}
      {...rest}
      aria-label={label}
      className="inline-flex size-10 shrink-0 items-center justify-center rounded-lg border border-transparent text-ink hover:bg-raised disabled:opacity-60 forced-colors:border-[ButtonBorder]"
    >
      {children}
    </button>
  );
}

export function Spinner() {
  return <LoaderCircle aria-hidden className="size-4 shrink-0 motion-safe:animate-spin" />;
}
