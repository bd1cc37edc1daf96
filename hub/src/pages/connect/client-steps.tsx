/** One tab for each client, with its steps. */
import { Ban } from "lucide-react";
import { buttonClass } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import type { Client, Step } from "./clients.ts";

interface ClientStepsProps {
  clients: readonly Client[];
  /** What the tabs choose between. */
  label: string;
  /** The chosen client; anything else means the first. */
  client: string | undefined;
  onClient(id: string): void;
}

export function ClientSteps({ clients, label, client, onClient }: ClientStepsProps) {
  const chosen = clients.find(({ id }) => id === client) ?? clients[0];
  if (chosen === undefined) return null;
  return (
    <Tabs
      label={label}
      value={chosen.id}
      onChange={onClient}
      tabs={clients.map((candidate) => ({
        id: candidate.id,
        label: candidate.label,
        isUnavailable: candidate.obstacle !== undefined,
        content: <Steps client={candidate} />,
      }))}
    />
  );
}

function Steps({ client }: { client: Client }) {
  if (client.obstacle !== undefined) {
    return (
      <p className="flex gap-3 text-muted">
        <Ban aria-hidden className="mt-0.5 size-4.5 shrink-0" />
        <span>{client.obstacle}</span>
      </p>
    );
  }
  return (
    <ol className="space-y-4">
      {client.steps.map((step) => (
        <li key={step.text}>
          <StepView step={step} />
        </li>
      ))}
    </ol>
  );
}

function StepView({ step }: { step: Step }) {
  return (
    <div className="space-y-2">
      <p>{step.text}</p>
      {step.link !== undefined && (
        <a href={step.link.href} className={buttonClass("primary")}>
          {step.link.label}
        </a>
      )}
      {step.code !== undefined && <CodeBlock code={step.code.text} what={step.code.what} />}
    </div>
  );
}
