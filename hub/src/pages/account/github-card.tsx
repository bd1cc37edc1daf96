/** The GitHub accounts that are the owner's; nothing where there is none. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { GithubAccountView } from "../../../../src/contract/auth.ts";
import { forgetGithubAccount } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { githubAccountsQuery } from "../../lib/queries.ts";
import { momentText } from "../../lib/time.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { ConfirmDialog } from "../../ui/dialog.tsx";
import { Failure } from "../../ui/notice.tsx";

export function GithubCard() {
  const { data = [] } = useQuery(githubAccountsQuery);
  if (data.length === 0) return null;
  return (
    <Card title="GitHub accounts">
      <p className="mb-3 text-muted">
        A name on the list of who may sign in stands for the first account that came with it, also
        when somebody else takes the name later.
      </p>
      <ul className="divide-y divide-line">
        {data.map((account) => (
          <AccountRow key={account.github_id} account={account} />
        ))}
      </ul>
    </Card>
  );
}

function AccountRow({ account }: { account: GithubAccountView }) {
  const { github_id, username, allowed, last_sign_in_at } = account;
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const forget = useMutation({
    mutationFn: () => forgetGithubAccount(github_id),
    onSettled: () => client.invalidateQueries({ queryKey: ["account"] }),
  });
  const seen = `last sign-in ${momentText(Date.parse(last_sign_in_at), Date.now())}`;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0">
        <h3 className="font-medium [overflow-wrap:anywhere]">{username}</h3>
        <p className="text-xs text-muted">
          {allowed ? seen : `${seen} · no longer on the list of who may sign in`}
        </p>
      </div>
      <Button isBusy={forget.isPending} onClick={() => setAsking(true)}>
        Forget…<span className="sr-only"> {username}</span>
      </Button>
      {forget.isError && <Failure title="Not forgotten." message={messageOf(forget.error)} />}
      <ConfirmDialog
        isOpen={isAsking}
        title={`Forget the GitHub account “${username}”?`}
        confirm="Forget it"
        look="danger"
        onCancel={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          forget.mutate();
        }}
      >
        Its sessions end now. As long as its name is on the list, the next account that comes with
        that name is remembered instead.
      </ConfirmDialog>
    </li>
  );
}
