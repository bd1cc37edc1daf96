/** Pages for what should not happen: an address that is none, and a page that broke. */
import { Link } from "@tanstack/react-router";
import { messageOf } from "../lib/api-error.ts";
import { buttonClass } from "../ui/button.tsx";
import { Failure } from "../ui/notice.tsx";
import { PageHeader, usePageTitle } from "../ui/page-header.tsx";

export function PageNotFound() {
  usePageTitle("Not found");
  return (
    <main className="mx-auto max-w-2xl px-4 py-16">
      <PageHeader title="Not found" summary="Luna has no page at this address." />
      <Link to="/" className={buttonClass("primary")}>
        Go to Home
      </Link>
    </main>
  );
}

export function PageFailure({ error }: { error: unknown }) {
  return (
    <div className="p-4">
      <Failure
        title="This page could not be shown."
        message={messageOf(error)}
        onRetry={() => location.reload()}
      />
    </div>
  );
}
