/** A labelled field for a passphrase, which can be looked at while it is typed. */
import { Eye, EyeOff } from "lucide-react";
import { useId, useState } from "react";
import { IconButton } from "./button.tsx";

interface PassphraseFieldProps {
  label: string;
  /** For the browser's password manager. */
  purpose: "current-password" | "new-password";
  value: string;
  onChange(value: string): void;
  hint?: string;
  /** What is wrong with it, in place of the hint. */
  error?: string | undefined;
}

export function PassphraseField(props: PassphraseFieldProps) {
  const { label, purpose, value, onChange, hint, error } = props;
  const id = useId();
  const [isShown, setShown] = useState(false);
  const about = error ?? hint;
  const Icon = isShown ? EyeOff : Eye;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <div className="flex gap-1">
        <input
          id={id}
          required
          type={isShown ? "text" : "password"}
          autoComplete={purpose}
          autoCapitalize="none"
          spellCheck={false}
          aria-describedby={about === undefined ? undefined : `${id}-about`}
          aria-invalid={error !== undefined || undefined}
          className="control flex-1"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
        <IconButton
          label={`${isShown ? "Hide" : "Show"} what is typed as ${label.toLowerCase()}`}
          onClick={() => setShown(!isShown)}
        >
          <Icon aria-hidden className="size-4.5" />
        </IconButton>
      </div>
      {about !== undefined && (
        <p
          id={`${id}-about`}
          role={error === undefined ? undefined : "alert"}
          className={`mt-1 text-xs ${error === undefined ? "text-muted" : "text-bad"}`}
        >
          {about}
        </p>
      )}
    </div>
  );
}
