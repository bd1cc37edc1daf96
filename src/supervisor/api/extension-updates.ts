/** Newer versions of installed extensions over HTTP: asked for when somebody looks, and not by itself. */
import { Hono } from "hono";
import { AvailableUpdates } from "../../contract/source.ts";
import { answers } from "../../lib/route-facts.ts";
import { availableUpdates, type InstalledEntry } from "../../sources/available-updates.ts";
import type { Sources } from "../../sources/sources.ts";

export interface ExtensionUpdatesDeps {
  sources: Pick<Sources, "latest">;
  /** What master_config says of each installed extension. */
  entries(): Promise<Readonly<Record<string, InstalledEntry>>>;
}

const UPDATES = answers(
  "Which extensions have a newer version where they came from; asks GitHub, at most every ten minutes",
  AvailableUpdates,
);

export function extensionUpdatesRoutes({ sources, entries }: ExtensionUpdatesDeps) {
  return new Hono().get("/updates", UPDATES, async (context) => {
    const updates = await availableUpdates(await entries(), sources);
    return context.json({ updates });
  });
}
