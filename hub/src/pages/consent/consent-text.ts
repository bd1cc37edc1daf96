/** The words for where a client gets its answer and what it may do. */
import type { ConsentRequest, RedirectView } from "../../../../src/contract/oauth.ts";

export const ACCESS: Record<ConsentRequest["access"], string> = {
  everything:
    "See and run every tool that is switched on for MCP, also those that change or delete things",
  read_only: "See and run the tools that only read",
  nothing: "Nothing: it asked for no tools of this Luna",
};

export const ACCESS_SHORT: Record<ConsentRequest["access"], string> = {
  everything: "all tools",
  read_only: "tools that only read",
  nothing: "no tools",
};

export function placeText({ kind, host }: RedirectView): string {
  switch (kind) {
    case "web":
      return host;
    case "loopback":
      return `A program on your computer (${host})`;
    case "app":
      return `An app on your computer (${host})`;
  }
}

/** What the owner should know before they trust the name; undefined when the place says it all. */
export function warningOf({ client, redirect }: ConsentRequest): string | undefined {
  if (redirect.kind === "web") return undefined;
  const known =
    client.host === null
      ? "It chose this name itself, and Luna cannot check it."
      : `Any program on your computer can say that it is the one from ${client.host}.`;
  return `${known} Allow it only if you have just started this yourself.`;
}
