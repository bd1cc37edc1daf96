/** A thin line that says when what is shown may be out of date, and why. */
import { clockText } from "../lib/time.ts";
import { useConnection } from "../live/live-provider.tsx";

export function ConnectionBanner() {
  const { state, asOf } = useConnection();
  const text =
    state === "lost"
      ? `Luna does not answer. This is how it was at ${clockText(asOf)}; trying again by itself.`
      : state === "polling"
        ? "Live updates are off, as something between here and Luna blocks WebSockets. The page asks every 5 seconds instead."
        : undefined;
  return (
    <div role="status">
      {text !== undefined && (
        <p className="border-b border-warn-line bg-raised px-4 py-1.5 sm:px-6">{text}</p>
      )}
    </div>
  );
}
