/** Asks the owner whether an MCP client may use their tools; a client's request ends here. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { Moon } from "lucide-react";
import { type ReactNode, useEffect, useId, useState } from "react";
import type { ConsentRequest } from "../../../../src/contract/oauth.ts";
import { isOAuthProblem, OAUTH_PROBLEMS } from "../../../../src/contract/oauth-problem.ts";
import { decideConsent } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { consentQuery } from "../../lib/queries.ts";
import { Button, buttonClass } from "../../ui/button.tsx";
import { Failure, Notice, Skeleton } from "../../ui/notice.tsx";
import { usePageTitle } from "../../ui/page-header.tsx";
import { ACCESS, placeText, warningOf } from "./consent-text.ts";

const SKELETON_LINES = 3;
/** A click that was meant for what lay here a moment ago allows nothing. */
const ARMED_AFTER_MS = 600;

export function ConsentPage() {
  const { request, problem } = useSearch({ from: "/consent" });
  return (
    <main className="mx-auto flex min-h-dvh max-w-lg flex-col justify-center px-4 py-10">
      <p className="mb-6 flex items-center gap-2 text-xl font-bold">
        <Moon aria-hidden className="size-6 text-accent" />
        Luna
      </p>
      <div className="rounded-xl border border-line bg-panel p-5 sm:p-6">
        {request === undefined ? <Problem code={problem ?? "expired"} /> : <Asked id={request} />}
      </div>
    </main>
  );
}

function Problem({ code }: { code: string }) {
  usePageTitle("Cannot connect");
  const message = OAUTH_PROBLEMS[isOAuthProblem(code) ? code : "expired"];
  return (
    <div className="space-y-4">
      <h1 className="text-xl font-bold">This program was not connected</h1>
      <Notice tone="bad">{message}.</Notice>
      <a href="/activity" className={buttonClass()}>
        Open Activity
      </a>
    </div>
  );
}

function Asked({ id }: { id: string }) {
  usePageTitle("Allow access");
  const { data, error, refetch } = useQuery(consentQuery(id));
  if (error !== null && data === undefined) {
    return (
      <>
        <h1 className="mb-3 text-xl font-bold">This program was not connected</h1>
        <Failure
          title="The request could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      </>
    );
  }
  if (data === undefined) return <Skeleton lines={SKELETON_LINES} />;
  return <Question id={id} asked={data} />;
}

function useArmed(): boolean {
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setArmed(true), ARMED_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return isArmed;
}

function Question({ id, asked }: { id: string; asked: ConsentRequest }) {
  const { client, access, fault } = asked;
  const [isReadOnly, setReadOnly] = useState(false);
  const isArmed = useArmed();
  const decide = useMutation({
    mutationFn: decideConsent,
    // Also an app's own scheme, which leaves this page where it is.
    onSuccess: ({ location: to }) => location.assign(to),
  });
  if (decide.isSuccess) return <Done name={client.name} decision={decide.variables.decision} />;
  const answer = (decision: "allow" | "deny") => () =>
    decide.mutate({ id, decision, read_only: isReadOnly && decision === "allow" });
  const warning = warningOf(asked);
  return (
    <div className="space-y-5">
      <h1 className="text-xl font-bold [overflow-wrap:anywhere]">
        {fault === null
          ? `“${client.name}” wants to use your tools`
          : `“${client.name}” cannot be connected`}
      </h1>
      <Facts asked={asked} />
      {fault === null && access === "everything" && (
        <Choice isReadOnly={isReadOnly} onChange={setReadOnly} />
      )}
      {warning !== undefined && fault === null && <Notice tone="warn">{warning}</Notice>}
      {fault !== null && <Notice tone="bad">{fault}</Notice>}
      {decide.isError && <Failure title="Not done." message={messageOf(decide.error)} />}
      <div className="flex flex-wrap gap-3">
        {fault === null && (
          <Button
            look="primary"
            disabled={!isArmed}
            isBusy={decide.isPending}
            onClick={answer("allow")}
          >
            Allow
          </Button>
        )}
        <Button isBusy={decide.isPending} onClick={answer("deny")}>
          {fault === null ? "Do not allow" : "Go back to the program"}
        </Button>
      </div>
    </div>
  );
}

function Facts({ asked: { client, redirect, access, stays } }: { asked: ConsentRequest }) {
  return (
    <dl className="grid gap-x-4 gap-y-3 sm:grid-cols-[8.5rem_1fr]">
      <Fact name="Who it says it is">
        {client.name}
        {client.host !== null && `, described at ${client.host}`}
        {client.is_known && <span className="block text-muted">You have allowed it before.</span>}
      </Fact>
      <Fact name="Gets its answer at">
        <strong>{placeText(redirect)}</strong>
      </Fact>
      <Fact name="Will be able to">{ACCESS[access]}</Fact>
      <Fact name="For how long">
        {stays ? "Until you remove it under Account, or nobody uses it for 90 days" : "One hour"}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 [overflow-wrap:anywhere]">{children}</dd>
    </>
  );
}

interface ChoiceProps {
  isReadOnly: boolean;
  onChange(isReadOnly: boolean): void;
}

function Choice({ isReadOnly, onChange }: ChoiceProps) {
  const name = useId();
  const options = [
    { value: false, label: "Everything it asks for" },
    { value: true, label: "Only tools that read" },
  ];
  return (
    <fieldset>
      <legend className="mb-1 text-muted">Allow</legend>
      {options.map(({ value, label }) => (
        <label key={label} className="flex min-h-9 items-center gap-2">
          <input
            type="radio"
            name={name}
            checked={isReadOnly === value}
            onChange={() => onChange(value)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

function Done({ name, decision }: { name: string; decision: "allow" | "deny" }) {
  return (
    <div role="status" className="space-y-2">
      <h1 className="text-xl font-bold [overflow-wrap:anywhere]">
        {decision === "allow" ? `“${name}” is connected` : `“${name}” was told no`}
      </h1>
      <p className="text-muted">Go back to the program. You can close this page.</p>
    </div>
  );
}
