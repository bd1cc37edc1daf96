/** The agent API for programs: address, key on request, and programs to begin with. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { fetchAgentKey } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { overviewQuery } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Failure, Notice } from "../../ui/notice.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { agentBaseUrl, agentSnippets, type Snippet } from "./agent-snippets.ts";

export function AgentApiCard({ publicUrl }: { publicUrl: string }) {
  const overview = useQuery(overviewQuery);
  // The key is fetched when it is asked for, and forgotten when it is hidden.
  const key = useMutation({ mutationFn: fetchAgentKey });
  const baseUrl = agentBaseUrl(publicUrl);
  return (
    <Card title="Agent API">
      <p className="mb-4 text-muted">
        Luna's agents answer like OpenAI's API does: any program made for that one can use them,
        with this address and key.
      </p>
      <div className="space-y-4">
        {overview.data?.model.configured === false && (
          <Notice>
            No model is configured yet, so agents cannot answer. Set OPENAI_API_KEY, and
            OPENAI_BASE_URL for another provider, on the page{" "}
            <Link to="/keys" className="underline">
              Keys &amp; secrets
            </Link>
            . Tools and MCP work without a model.
          </Notice>
        )}
        <Labelled label="Base URL">
          <CodeBlock code={baseUrl} what="the base URL" />
        </Labelled>
        <Labelled label="Key">
          <AgentKey
            apiKey={key.data}
            isLoading={key.isPending}
            onShow={() => key.mutate()}
            onHide={() => key.reset()}
          />
          {key.isError && (
            <Failure title="The key could not be loaded." message={messageOf(key.error)} />
          )}
        </Labelled>
        <Snippets snippets={agentSnippets({ baseUrl, apiKey: key.data })} />
      </div>
    </Card>
  );
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="space-y-1.5">
      <h3 className="font-medium">{label}</h3>
      {children}
    </div>
  );
}

interface AgentKeyProps {
  apiKey: string | undefined;
  isLoading: boolean;
  onShow(): void;
  onHide(): void;
}

function AgentKey({ apiKey, isLoading, onShow, onHide }: AgentKeyProps) {
  if (apiKey === undefined) {
    return (
      <Button isBusy={isLoading} onClick={onShow}>
        {!isLoading && <Eye aria-hidden className="size-4" />}
        Show the key
      </Button>
    );
  }
  return (
    <div className="space-y-2">
      <CodeBlock code={apiKey} what="the agent key" />
      <Button onClick={onHide}>
        <EyeOff aria-hidden className="size-4" />
        Hide the key
      </Button>
    </div>
  );
}

function Snippets({ snippets }: { snippets: readonly Snippet[] }) {
  const [language, setLanguage] = useState<Snippet["id"]>("typescript");
  return (
    <Tabs
      label="Language"
      value={language}
      onChange={setLanguage}
      tabs={snippets.map(({ id, label, install, code }) => ({
        id,
        label,
        content: (
          <div className="space-y-2">
            {install !== undefined && <CodeBlock code={install} what="command" />}
            <CodeBlock code={code} what="program" />
          </div>
        ),
      }))}
    />
  );
}
