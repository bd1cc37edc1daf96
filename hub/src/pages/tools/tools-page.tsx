/** Every tool at the left, and at the right the one that is tried. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { messageOf } from "../../lib/api-error.ts";
import { toolsQuery } from "../../lib/queries.ts";
import { Card } from "../../ui/card.tsx";
import { Failure, Notice, Skeleton } from "../../ui/notice.tsx";
import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { ToolList } from "./tool-list.tsx";
import { ToolRunner } from "./tool-runner.tsx";

export function ToolsPage() {
  const { tool } = useParams({ strict: false });
  usePageTitle(tool === undefined ? "Tools" : `${tool} · Tools`);
  const { data, error, isPending, refetch } = useQuery(toolsQuery);
  const shown = data?.tools.find(({ name }) => name === tool);
  return (
    <>
      <PageHeader
        title="Tools"
        summary="What agents and connected clients can do. Try any of them here."
      />
      {isPending && <Skeleton lines={6} />}
      {data === undefined && error !== null && (
        <Failure
          title="The tools could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      )}
      {data !== undefined && (
        <div className="space-y-4">
          <Problems problems={data.problems} />
          <div className="grid gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)] lg:items-start">
            <div className={`min-w-0 ${tool === undefined ? "" : "max-lg:hidden"}`}>
              <ToolList tools={data.tools} />
            </div>
            <div className={`min-w-0 space-y-3 ${tool === undefined ? "max-lg:hidden" : ""}`}>
              {tool !== undefined && <BackLink />}
              {shown !== undefined && <ToolRunner key={shown.name} tool={shown} />}
              {tool === undefined && (
                <Card title="Try a tool">
                  <p className="text-muted">Choose a tool from the list to run it.</p>
                </Card>
              )}
              {tool !== undefined && shown === undefined && (
                <Notice tone="warn">There is no tool “{tool}”. It may have been removed.</Notice>
              )}
            </div>
          </div>
        </div>
      )}
    </>
  );
}

function BackLink() {
  return (
    <Link
      to="/tools"
      activeOptions={{ exact: true }}
      className="inline-flex min-h-9 items-center gap-2 text-accent lg:hidden"
    >
      <ArrowLeft aria-hidden className="size-4" />
      All tools
    </Link>
  );
}

/** Files of extensions that could not be loaded: their tools are missing below. */
function Problems({ problems }: { problems: readonly string[] }) {
  if (problems.length === 0) return null;
  return (
    <Card title="Some tools are missing" tone="warn">
      <ul className="list-disc space-y-1 pl-5">
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </Card>
  );
}
