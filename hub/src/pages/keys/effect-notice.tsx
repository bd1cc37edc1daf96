/** What a change of keys led to: who has the new value, and who waits for a restart. */
import { useMutation } from "@tanstack/react-query";
import type { SecretEffect, SecretUser } from "../../../../src/contract/secrets.ts";
import { restartService } from "../../lib/api.ts";
import { messageOf } from "../../lib/api-error.ts";
import { Button } from "../../ui/button.tsx";
import { Notice } from "../../ui/notice.tsx";

const labels = (users: readonly SecretUser[]): string => users.map(({ label }) => label).join(", ");

interface EffectNoticeProps {
  /** "WEATHER_KEY is set." */
  done: string;
  effect: SecretEffect;
}

export function EffectNotice({ done, effect }: EffectNoticeProps) {
  const { restarted, needs_restart, overridden } = effect;
  return (
    <div role="status" className="space-y-2">
      <Notice>
        <p className="text-ink">
          {done}
          {restarted.length > 0 && ` Started again: ${labels(restarted)}.`}
        </p>
        {overridden.length > 0 && (
          <p>
            Luna was started with another {overridden.join(", ")} in its environment, which counts
            until it is started without.
          </p>
        )}
      </Notice>
      {needs_restart.map((user) => (
        <Waiting key={user.name} user={user} />
      ))}
    </div>
  );
}

function Waiting({ user }: { user: SecretUser }) {
  const restart = useMutation({ mutationFn: () => restartService(user.name) });
  if (user.kind === "luna") {
    return (
      <Notice tone="warn">
        This counts from Luna's next start on: end it with <code>luna down</code> or Ctrl-C, then{" "}
        <code>luna up</code>.
      </Notice>
    );
  }
  if (restart.isSuccess) return <Notice>{user.label} starts again.</Notice>;
  return (
    <Notice
      tone="warn"
      action={
        <Button isBusy={restart.isPending} onClick={() => restart.mutate()}>
          Restart {user.label}
        </Button>
      }
    >
      {user.label} goes on with what was set before. Restart it once all that belongs together is
      set.
      {restart.isError && <span role="alert"> {messageOf(restart.error)}</span>}
    </Notice>
  );
}
