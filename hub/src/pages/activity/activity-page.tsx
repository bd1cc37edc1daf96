/** Who did what: the audit log, the newest first, with what it can be narrowed to. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { messageOf } from "../../lib/api-error.ts";
import { activityQuery } from "../../lib/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Failure, Notice, Skeleton } from "../../ui/notice.tsx";
import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { type ActivityFilter, ActivityFilters } from "./activity-filters.tsx";
import { ActivityTable } from "./activity-table.tsx";

export function ActivityPage() {
  usePageTitle("Activity");
  const [filter, setFilter] = useState<ActivityFilter>({});
  const wanted = useDeferredValue(filter);
  const query = useInfiniteQuery({ ...activityQuery(wanted), placeholderData: keepPreviousData });
  const { data, error, isPending, refetch, fetchNextPage, hasNextPage } = query;
  const events = data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <>
      <PageHeader title="Activity" summary="Who signed in, changed something or called a tool." />
      <div className="space-y-4">
        <ActivityFilters filter={filter} onChange={setFilter} />
        {isPending && <Skeleton lines={6} />}
        {data === undefined && error !== null && (
          <Failure
            title="The activity could not be loaded."
            message={messageOf(error)}
            onRetry={() => void refetch()}
          />
        )}
        {data !== undefined && (
          <Card title="Newest first">
            {events.length === 0 ? (
              <Notice>Nothing of that kind was found{hasNextPage ? " so far" : ""}.</Notice>
            ) : (
              <ActivityTable events={events} />
            )}
            {hasNextPage && (
              <div className="mt-3">
                <Button isBusy={query.isFetchingNextPage} onClick={() => void fetchNextPage()}>
                  Show older
                </Button>
              </div>
            )}
          </Card>
        )}
      </div>
    </>
  );
}
