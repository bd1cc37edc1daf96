/** The store's index that is in Luna's own program: what can be installed without any network. */
import type { StoreIndex } from "../../contract/store.ts";

export const EMBEDDED_INDEX: StoreIndex = {
  version: "1",
  extensions: [
    {
      id: "notes",
      name: "notes",
      type: "bundled",
      version: "1.0.0",
      description: "Short notes that the model can list, search, write, change and delete",
      author: "Luna",
      category: "productivity",
      has_ui: false,
      tool_count: 5,
      service_count: 0,
      required_secrets: [],
      tags: ["notes", "starter"],
    },
  ],
  categories: [{ id: "productivity", name: "Productivity" }],
  external_services: [],
};
