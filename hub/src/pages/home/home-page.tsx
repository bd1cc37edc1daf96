/** Home: what needs the person first, then how every part of Luna is. */
import { useQuery } from "@tanstack/react-query";
import type { Overview } from "../../../../src/contract/process.ts";
import { messageOf } from "../../lib/api-error.ts";
import { overviewQuery } from "../../lib/queries.ts";
import { useConnection } from "../../live/live-provider.tsx";
import { Failure, Skeleton } from "../../ui/notice.tsx";
import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { NeedsYou } from "./needs-you.tsx";
import { PartsCard } from "./parts-card.tsx";
import { summaryOf } from "./summary.ts";

export function HomePage() {
  usePageTitle("Home");
  const { data, error, refetch } = useQuery(overviewQuery);
  return (
    <>
      <PageHeader title="Home" summary={data === undefined ? undefined : summaryOf(data)} />
      {data !== undefined && <Content overview={data} />}
      {data === undefined && error === null && <Skeleton lines={5} />}
      {data === undefined && error !== null && (
        <Failure
          title="The state of Luna could not be loaded."
          message={messageOf(error)}
          onRetry={() => void refetch()}
        />
      )}
    </>
  );
}

/** Old news is dimmed, never hidden. */
function Content({ overview }: { overview: Overview }) {
  const isStale = useConnection().state === "lost";
  return (
    <div className={`space-y-4 ${isStale ? "opacity-75 saturate-50" : ""}`}>
      {overview.problems.length > 0 && <NeedsYou problems={overview.problems} />}
      <div className="grid gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] xl:items-start">
        <PartsCard overview={overview} />
        <FirstSteps toolCount={overview.tool_count} />
      </div>
    </div>
  );
}
