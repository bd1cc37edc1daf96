/** Sign-in: takes the one-time link that brought the person here, or says how to get one. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { CircleX, Moon } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { signInWithLink } from "../../lib/api.ts";
import { ApiError, messageOf } from "../../lib/api-error.ts";
import { signInMethodsQuery } from "../../lib/queries.ts";
import { safeReturnTo } from "../../lib/return-to.ts";
import { captureSignInToken, consumeSignInToken } from "../../lib/sign-in-link.ts";
import { Button, buttonClass, Spinner } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Failure } from "../../ui/notice.tsx";
import { usePageTitle } from "../../ui/page-header.tsx";

function useSignIn(returnTo: string) {
  const signIn = useMutation({
    mutationFn: signInWithLink,
    // A whole new page, which also may be none of the Hub's own.
    onSuccess: () => location.replace(returnTo),
  });
  const { mutate } = signIn;
  useEffect(() => {
    const begin = (): void => {
      captureSignInToken();
      const token = consumeSignInToken();
      if (token !== undefined) mutate(token);
    };
    begin();
    // A link that is pasted into this very page changes its fragment alone.
    addEventListener("hashchange", begin);
    return () => removeEventListener("hashchange", begin);
  }, [mutate]);
  return signIn;
}

export function LoginPage() {
  usePageTitle("Sign in");
  const { returnTo } = useSearch({ from: "/login" });
  const destination = safeReturnTo(returnTo, location.origin);
  const signIn = useSignIn(destination);
  const isUnderWay = signIn.isPending || signIn.isSuccess;
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center px-4 py-10">
      <p className="mb-6 flex items-center gap-2 text-xl font-bold">
        <Moon aria-hidden className="size-6 text-accent" />
        Luna
      </p>
      <div className="rounded-xl border border-line bg-panel p-5 sm:p-6">
        <h1 className="mb-3 text-xl font-bold">Sign in</h1>
        {isUnderWay && (
          <p role="status" className="flex items-center gap-2 text-muted">
            <Spinner />
            Signing you in…
          </p>
        )}
        {signIn.isError && (
          <LinkRefused
            error={signIn.error}
            onRetry={() => signIn.variables !== undefined && signIn.mutate(signIn.variables)}
          />
        )}
        {!isUnderWay && <Ways returnTo={destination} />}
      </div>
    </main>
  );
}

/** Only a link that the server did not judge may be tried once more; a used one never works again. */
function LinkRefused({ error, onRetry }: { error: Error; onRetry(): void }) {
  const isUndecided = error instanceof ApiError && (error.status === 0 || error.status >= 500);
  return (
    <div role="alert" className="mb-5 flex gap-3 rounded-lg border border-bad-line p-3">
      <CircleX aria-hidden className="mt-0.5 size-4.5 shrink-0 text-bad" />
      <div className="min-w-0 space-y-2">
        <p className="font-medium">This link did not sign you in.</p>
        <p className="text-muted">{messageOf(error)}</p>
        {isUndecided && <Button onClick={onRetry}>Try again</Button>}
      </div>
    </div>
  );
}

function Ways({ returnTo }: { returnTo: string }) {
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
  return (
    <div className="space-y-5">
      {data?.github === true && (
        <a
          href={`/auth/login?returnTo=${encodeURIComponent(returnTo)}`}
          className={buttonClass("primary")}
        >
          Sign in with GitHub
        </a>
      )}
      {data?.link === true && <LinkHelp />}
    </div>
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
