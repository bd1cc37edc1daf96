/** The bar on top: menu on small screens, whether the page is live, theme, sign out. */
import { useMutation } from "@tanstack/react-query";
import { LogOut, Menu, Monitor, Moon, Sun, WifiOff } from "lucide-react";
import { useState } from "react";
import { signOut } from "../lib/api.ts";
import { messageOf } from "../lib/api-error.ts";
import { chooseTheme, currentTheme, NEXT_THEME, type Theme } from "../lib/theme.ts";
import type { LiveState } from "../live/live-connection.ts";
import { useConnection } from "../live/live-provider.tsx";
import { Button, IconButton } from "../ui/button.tsx";

const INDICATORS: Record<LiveState, string | undefined> = {
  connecting: undefined,
  live: undefined,
  lost: "Reconnecting",
  polling: "Every 5 s",
};

export function TopBar({ onOpenMenu }: { onOpenMenu(): void }) {
  const { state } = useConnection();
  const indicator = INDICATORS[state];
  return (
    <header className="sticky top-0 z-10 flex h-14 items-center gap-2 border-b border-line bg-ground px-2 sm:px-4">
      <div className="lg:hidden">
        <IconButton label="Menu" aria-haspopup="dialog" onClick={onOpenMenu}>
          <Menu aria-hidden className="size-5" />
        </IconButton>
      </div>
      <div className="ml-auto flex items-center gap-1">
        {indicator !== undefined && (
          <span className="flex items-center gap-2 px-2 text-muted">
            <WifiOff aria-hidden className="size-4 text-warn" />
            {indicator}
          </span>
        )}
        <ThemeButton />
        <SignOutButton />
      </div>
    </header>
  );
}

const THEMES: Record<Theme, { label: string; Icon: typeof Sun }> = {
  system: { label: "as the system", Icon: Monitor },
  light: { label: "light", Icon: Sun },
  dark: { label: "dark", Icon: Moon },
};

function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  const next = NEXT_THEME[theme];
  const { label, Icon } = THEMES[theme];
  const change = (): void => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <IconButton
      label={`Theme: ${label}. Change to ${THEMES[next].label}`}
      title={`Theme: ${label}`}
      onClick={change}
    >
      <Icon aria-hidden className="size-4.5" />
    </IconButton>
  );
}

function SignOutButton() {
  const leave = useMutation({
    mutationFn: signOut,
    // A whole new page: nothing that this person saw stays in memory.
    onSuccess: () => location.assign("/login"),
  });
  return (
    <>
      {leave.isError && (
        <span role="alert" className="text-bad">
          Not signed out: {messageOf(leave.error)}
        </span>
      )}
      <Button look="quiet" isBusy={leave.isPending} onClick={() => leave.mutate()}>
        <LogOut aria-hidden className="size-4" />
        Sign out
      </Button>
    </>
  );
}
