/** Moves the focus to the heading of each page that is gone to, as a browser does for whole documents. */
import type { AnyRouter } from "@tanstack/react-router";

/** The innermost heading counts: a tool's, not that of the list around it. */
export function focusHeadingOnNavigation(router: AnyRouter): void {
  router.subscribe("onRendered", ({ fromLocation, pathChanged }) => {
    if (fromLocation === undefined || !pathChanged) return;
    const headings = document.querySelectorAll<HTMLElement>("[data-page-heading]");
    headings[headings.length - 1]?.focus();
  });
}
