/** The installed extensions over HTTP (contract 4.10). */
import { Hono } from "hono";
import { ExtensionList } from "../../contract/extension.ts";
import { answers } from "../../lib/route-facts.ts";
import type { Extensions } from "../extension-list.ts";

export interface ExtensionsDeps {
  extensions: Pick<Extensions, "list">;
}

const LIST = answers("Installed extensions, and what is wrong with each", ExtensionList);

export function extensionsRoutes({ extensions }: ExtensionsDeps) {
  return new Hono().get("/", LIST, async (context) =>
    context.json({ extensions: await extensions.list() }),
  );
}
