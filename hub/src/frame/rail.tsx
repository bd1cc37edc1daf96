/** The way to every page, and which Luna this is. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleUserRound, History, House, KeyRound, Moon, Plug, Wrench } from "lucide-react";
import { overviewQuery } from "../lib/queries.ts";
import { durationText, useNow } from "../lib/time.ts";

const PAGES = [
  { to: "/", label: "Home", Icon: House },
  { to: "/tools", label: "Tools", Icon: Wrench },
  { to: "/connect", label: "Connect", Icon: Plug },
  { to: "/keys", label: "Keys & secrets", Icon: KeyRound },
  { to: "/activity", label: "Activity", Icon: History },
  { to: "/account", label: "Account", Icon: CircleUserRound },
] as const;

const UPTIME_TICK_MS = 30_000;

export function RailContent({ onNavigate }: { onNavigate?(): void }) {
  return (
    <div className="flex h-full flex-col px-3 pt-5 pb-3">
      <p className="flex items-center gap-2 px-3 pb-3 text-lg font-bold">
        <Moon aria-hidden className="size-5 text-accent" />
        Luna
      </p>
      <nav aria-label="Pages">
        <ul className="space-y-0.5">
          {PAGES.map(({ to, label, Icon }) => (
            <li key={to}>
              <Link
                to={to}
                activeOptions={{ exact: to === "/" }}
                onClick={onNavigate}
                className="flex min-h-10 items-center gap-3 rounded-lg border border-transparent px-3 text-muted hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink forced-colors:border-[Canvas] forced-colors:aria-[current=page]:border-[Highlight]"
              >
                <Icon aria-hidden className="size-4.5" />
                {label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <Foot />
    </div>
  );
}

function Foot() {
  const { data } = useQuery(overviewQuery);
  const now = useNow(UPTIME_TICK_MS);
  if (data === undefined) return null;
  const uptime = durationText(now - Date.parse(data.started_at));
  return (
    <p className="mt-auto px-3 pt-4 pb-2 text-xs text-muted">
      v{data.version} · up {uptime}
    </p>
  );
}
