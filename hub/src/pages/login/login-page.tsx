/** Sign-in: takes the one-time link that brought the person here, and offers what else is set up. */
import { useMutation } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { CircleX, Moon } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import {
  isSignInProblem,
  SIGN_IN_PROBLEMS,
  type SignInProblemCode,
} from "../../../../src/contract/sign-in-problem.ts";
import { signInWithLink } from "../../lib/api.ts";
import { ApiError, messageOf } from "../../lib/api-error.ts";
import { safeReturnTo } from "../../lib/return-to.ts";
import { captureSignInToken, consumeSignInToken } from "../../lib/sign-in-link.ts";
import { durationText } from "../../lib/time.ts";
import { Button, buttonClass, Spinner } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { usePageTitle } from "../../ui/page-header.tsx";
import { githubAddress, Ways } from "./ways.tsx";

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
  const { returnTo, problem, wait } = useSearch({ from: "/login" });
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
        {!isUnderWay && !signIn.isError && problem !== undefined && isSignInProblem(problem) && (
          <ProblemNotice problem={problem} wait={wait} returnTo={destination} />
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
    <Refusal title="This link did not sign you in." message={messageOf(error)}>
      {isUndecided && <Button onClick={onRetry}>Try again</Button>}
    </Refusal>
  );
}

interface ProblemNoticeProps {
  problem: SignInProblemCode;
  /** Seconds. */
  wait: number | undefined;
  returnTo: string;
}

/** Why the person who came back from another page is not signed in. */
function ProblemNotice({ problem, wait, returnTo }: ProblemNoticeProps) {
  const { message } = SIGN_IN_PROBLEMS[problem];
  const after = wait === undefined ? "" : `; try again in ${durationText(wait * 1000)}`;
  return (
    <Refusal title="You are not signed in." message={`${message}${after}.`}>
      {problem === "github_not_allowed" && (
        <a href={`${githubAddress(returnTo)}&switch=1`} className={buttonClass()}>
          Choose another GitHub account
        </a>
      )}
      {problem === "github_redirect" && (
        <>
          <p className="text-muted">It should be:</p>
          <CodeBlock code={`${location.origin}/auth/callback`} what="the callback URL" />
        </>
      )}
    </Refusal>
  );
}

interface RefusalProps {
  title: string;
  message: string;
  children: ReactNode;
}

function Refusal({ title, message, children }: RefusalProps) {
  return (
    <div role="alert" className="mb-5 flex gap-3 rounded-lg border border-bad-line p-3">
      <CircleX aria-hidden className="mt-0.5 size-4.5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1 space-y-2">
        <p className="font-medium">{title}</p>
        <p className="text-muted">{message}</p>
        {children}
      </div>
    </div>
  );
}
