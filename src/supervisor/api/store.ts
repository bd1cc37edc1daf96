/** The store over HTTP. */
import { Hono } from "hono";
import { StoreView } from "../../contract/store.ts";
import { answers } from "../../lib/route-facts.ts";
import type { Store } from "../../sources/store/store.ts";

export interface StoreDeps {
  store: Pick<Store, "view">;
}

const STORE = answers("What can be installed, and how old the index of it is", StoreView);

export function storeRoutes({ store }: StoreDeps) {
  return new Hono().get("/", STORE, async (context) => context.json(await store.view()));
}
