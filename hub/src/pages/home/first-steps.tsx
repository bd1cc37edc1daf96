/** What to do with a new Luna, until it is put away. */
import { Link } from "@tanstack/react-router";
import { ArrowRight, Plug, Wrench, X } from "lucide-react";
import { useState } from "react";
import { IconButton } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";

const STORAGE_KEY = "luna.first-steps";
const HIDDEN = "hidden";

function isHidden(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) === HIDDEN;
  } catch {
    return false; // Storage is blocked: then it is shown each time.
  }
}

function hide(): void {
  try {
    localStorage.setItem(STORAGE_KEY, HIDDEN);
  } catch {
    // Storage is blocked: it is hidden until the page is left.
  }
}

export function FirstSteps({ toolCount }: { toolCount: number }) {
  const [isPutAway, setPutAway] = useState(isHidden);
  if (isPutAway) return null;
  const putAway = (): void => {
    hide();
    setPutAway(true);
  };
  const tools = toolCount === 1 ? "the one that is" : `one of the ${toolCount} that are`;
  return (
    <Card
      title="First steps"
      action={
        <IconButton label="Put the first steps away" onClick={putAway}>
          <X aria-hidden className="size-4" />
        </IconButton>
      }
    >
      <ul className="space-y-2">
        <Step
          to="/tools"
          Icon={Wrench}
          title="Run a tool"
          text={toolCount === 0 ? "None is installed yet." : `Try ${tools} here already.`}
        />
        <Step
          to="/connect"
          Icon={Plug}
          title="Connect a client"
          text="Give your tools to Claude, Cursor, VS Code or your own program."
        />
      </ul>
    </Card>
  );
}

interface StepProps {
  to: "/tools" | "/connect";
  Icon: typeof Wrench;
  title: string;
  text: string;
}

function Step({ to, Icon, title, text }: StepProps) {
  return (
    <li>
      <Link
        to={to}
        className="flex items-center gap-3 rounded-lg border border-line p-3 hover:border-edge"
      >
        <Icon aria-hidden className="size-4.5 shrink-0 text-accent" />
        <span className="min-w-0 flex-1">
          <span className="block font-medium">{title}</span>
          <span className="block text-xs text-muted">{text}</span>
        </span>
        <ArrowRight aria-hidden className="size-4 shrink-0 text-muted" />
      </Link>
    </li>
  );
}
