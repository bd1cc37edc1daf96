/** What surrounds every page: the rail at the left, the bar on top, and the state of the connection. */
import { Outlet } from "@tanstack/react-router";
import { useState } from "react";
import { LiveProvider } from "../live/live-provider.tsx";
import { Modal } from "../ui/dialog.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { RailContent } from "./rail.tsx";
import { TopBar } from "./top-bar.tsx";

export function AppFrame() {
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  const closeDrawer = (): void => setDrawerOpen(false);
  return (
    <LiveProvider>
      <a
        href="#content"
        className="absolute z-30 -translate-y-full rounded-br-lg bg-accent px-4 py-2 text-accent-ink focus:translate-y-0"
      >
        Skip to the page
      </a>
      <div className="flex min-h-dvh">
        <aside
          aria-label="Luna"
          className="sticky top-0 hidden h-dvh w-60 shrink-0 border-r border-line bg-panel lg:block"
        >
          <RailContent />
        </aside>
        <Modal
          isOpen={isDrawerOpen}
          onClose={closeDrawer}
          labelledBy="drawer-title"
          className="m-0 h-dvh max-h-none w-64 max-w-[85vw] border-r border-line bg-panel text-ink"
        >
          <h2 id="drawer-title" className="sr-only">
            Menu
          </h2>
          <RailContent onNavigate={closeDrawer} />
        </Modal>
        <div className="flex min-w-0 flex-1 flex-col">
          <TopBar onOpenMenu={() => setDrawerOpen(true)} />
          <ConnectionBanner />
          <main id="content" className="w-full max-w-6xl min-w-0 px-4 pt-6 pb-10 sm:px-6">
            <Outlet />
          </main>
        </div>
      </div>
    </LiveProvider>
  );
}
