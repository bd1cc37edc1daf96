/** The owner's account: where they are signed in, and the ways to sign in. */
import { useQuery } from "@tanstack/react-query";
import { meQuery } from "../../lib/queries.ts";
import { PageHeader, usePageTitle } from "../../ui/page-header.tsx";
import { ClientsCard } from "./clients-card.tsx";
import { GithubCard } from "./github-card.tsx";
import { METHODS } from "./methods.ts";
import { PasskeysCard } from "./passkeys-card.tsx";
import { PassphraseCard } from "./passphrase-card.tsx";
import { SessionsCard } from "./sessions-card.tsx";

export function AccountPage() {
  usePageTitle("Account");
  const { data: me } = useQuery(meQuery);
  const summary =
    me === undefined
      ? "How you sign in, and where."
      : `You are signed in as ${me.username}, with ${METHODS[me.method]}.`;
  return (
    <>
      <PageHeader title="Account" summary={summary} />
      <div className="grid gap-4 xl:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <SessionsCard />
          <ClientsCard />
          <GithubCard />
        </div>
        <div className="min-w-0 space-y-4">
          <PasskeysCard />
          <PassphraseCard />
        </div>
      </div>
    </>
  );
}
