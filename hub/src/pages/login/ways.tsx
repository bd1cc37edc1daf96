/** The ways to sign in that are set up, the quickest first. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import type { SignInMethods } from "../../../../src/contract/auth.ts";
import { signInWithPassphrase } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { canUsePasskeys, signInByPasskey } from "../../lib/passkey.ts";
import { signInMethodsQuery } from "../../lib/queries.ts";
import { Button, buttonClass } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Failure, Notice } from "../../ui/notice.tsx";
import { PassphraseField } from "../../ui/passphrase-field.tsx";

/** A link and no request: it leads to GitHub and back in whole pages. */
export function githubAddress(returnTo: string): string {
  return `/auth/github?returnTo=${encodeURIComponent(returnTo)}`;
}

/** In general words: who reads this may be anybody. */
const GITHUB_OFF: Record<NonNullable<SignInMethods["github_off"]>, string> = {
  incomplete: "Signing in with GitHub is not set up completely on this Luna.",
  unrestricted:
    "Signing in with GitHub is off: this Luna can be reached from outside, and nobody has said yet which accounts may use it.",
};

export function Ways({ returnTo }: { returnTo: string }) {
  const { data, error, refetch } = useQuery(signInMethodsQuery);
  if (error !== null && data === undefined) {
    return (
      <Failure
        title="The ways to sign in could not be loaded."
        message={messageOf(error)}
        onRetry={() => void refetch()}
      />
    );
  }
  if (data === undefined) return null;
  const hasPasskey = data.passkey && canUsePasskeys;
  const hasOthers = hasPasskey || data.passphrase || data.github;
  return (
    <div className="space-y-5">
      {hasPasskey && <PasskeyWay returnTo={returnTo} />}
      {data.passphrase && <PassphraseWay returnTo={returnTo} isQuickest={!hasPasskey} />}
      {data.github && (
        <a href={githubAddress(returnTo)} className={`${buttonClass()} w-full`}>
          Sign in with GitHub
        </a>
      )}
      {data.github_off !== null && <Notice>{GITHUB_OFF[data.github_off]}</Notice>}
      {data.link && (hasOthers ? <FoldedLinkHelp /> : <LinkHelp />)}
    </div>
  );
}

function PasskeyWay({ returnTo }: { returnTo: string }) {
  const signIn = useMutation({
    mutationFn: signInByPasskey,
    onSuccess: () => location.replace(returnTo),
  });
  return (
    <div className="space-y-2 [&>button]:w-full">
      <Button look="primary" isBusy={signIn.isPending} onClick={() => signIn.mutate()}>
        {!signIn.isPending && <KeyRound aria-hidden className="size-4" />}
        Sign in with a passkey
      </Button>
      {signIn.isError && (
        <p role="alert" className="text-xs text-bad">
          {messageOf(signIn.error)}
        </p>
      )}
    </div>
  );
}

interface PassphraseWayProps {
  returnTo: string;
  /** None is offered above it. */
  isQuickest: boolean;
}

function PassphraseWay({ returnTo, isQuickest }: PassphraseWayProps) {
  const [passphrase, setPassphrase] = useState("");
  const signIn = useMutation({
    mutationFn: signInWithPassphrase,
    onSuccess: () => location.replace(returnTo),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!signIn.isPending) signIn.mutate(passphrase);
  };
  return (
    <form onSubmit={submit} className="space-y-3 [&>button]:w-full">
      {/* Password managers keep nothing without a name. */}
      <input type="text" name="username" autoComplete="username" value="owner" readOnly hidden />
      <PassphraseField
        label="Passphrase"
        purpose="current-password"
        value={passphrase}
        onChange={setPassphrase}
        error={signIn.isError ? messageOf(signIn.error) : undefined}
      />
      <Button type="submit" look={isQuickest ? "primary" : "secondary"} isBusy={signIn.isPending}>
        Sign in
      </Button>
    </form>
  );
}

function FoldedLinkHelp() {
  return (
    <details>
      <summary className="w-fit py-1 text-accent">Sign in with a one-time link</summary>
      <div className="pt-2">
        <LinkHelp />
      </div>
    </details>
  );
}

function LinkHelp() {
  return (
    <div className="space-y-3">
      <Paragraph>
        Luna signs you in with a one-time link. To get one, run this on the computer where Luna
        runs, and open the address that it prints:
      </Paragraph>
      <CodeBlock code="luna login-link" what="command" />
      <Paragraph>
        In a clone of the repository the command is <code>npx bun luna.ts login-link</code>. Each
        link works once, and for 30 minutes.
      </Paragraph>
    </div>
  );
}

function Paragraph({ children }: { children: ReactNode }) {
  return <p className="text-muted">{children}</p>;
}
