/** The store: an index of extensions and services that can be installed, and what Luna says of it. */
import { z } from "zod";

const Text = z.string().max(2_000);
/** Only an address that a browser may show; anything else counts as none. */
const Picture = z
  .string()
  .regex(/^https:\/\//)
  .max(2_000)
  .optional()
  .catch(undefined);

/** An extension of the index; only what it is called and where it comes from is required. */
export const StoreExtension = z.looseObject({
  id: Text.min(1),
  name: Text.min(1),
  /** In the store's own repository, elsewhere, or in Luna's program. */
  type: z.enum(["embedded", "external", "bundled"]),
  /** The folder in the store's repository; of `embedded` ones. */
  path: Text.optional(),
  /** The branch, tag or commit of the store's repository; of `embedded` ones. */
  ref: Text.optional(),
  /** Of `external` ones. */
  source: Text.optional(),
  /** What the fetched files must have as their tree's checksum; 64 hex digits. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  version: Text.default(""),
  description: Text.default(""),
  author: Text.default(""),
  category: Text.default(""),
  has_ui: z.boolean().default(false),
  tool_count: z.int().min(0).default(0),
  service_count: z.int().min(0).default(0),
  required_secrets: z.array(Text).default([]),
  secret_definitions: z.record(z.string(), z.unknown()).optional(),
  tags: z.array(Text).default([]),
  preview_url: Picture,
});
export type StoreExtension = z.infer<typeof StoreExtension>;

export const StoreService = z.looseObject({
  name: Text.min(1),
  display_name: Text.default(""),
  description: Text.default(""),
  category: Text.default(""),
  version: Text.default(""),
  /** Checked when it is installed. */
  service_definition: z.unknown().optional(),
});
export type StoreService = z.infer<typeof StoreService>;

export const StoreCategory = z.looseObject({ id: Text.min(1), name: Text });

/** The index as it is fetched: each entry is checked for itself, so that a bad one costs only itself. */
export const StoreIndex = z.looseObject({
  version: z.union([z.string(), z.number()]).optional(),
  last_updated: z.string().optional(),
  /** Where `embedded` extensions lie, `github:user/repo`. */
  repository: Text.optional(),
  extensions: z.array(z.unknown()).max(10_000).default([]),
  categories: z.array(z.unknown()).max(1_000).default([]),
  external_services: z.array(z.unknown()).max(10_000).default([]),
});
export type StoreIndex = z.infer<typeof StoreIndex>;

/** `.luna/store.json`: the index as it was fetched last. */
export const StoreFile = z.looseObject({
  url: z.string(),
  etag: z.string().nullable(),
  fetched_at: z.iso.datetime(),
  index: StoreIndex,
});
export type StoreFile = z.infer<typeof StoreFile>;

const ListedExtension = StoreExtension.extend({
  /** What installs it; null when the entry does not say enough. */
  install_source: z.string().nullable(),
});

/** `GET /store` */
export const StoreView = z.object({
  /** In Luna's program, or fetched from `url`. */
  origin: z.enum(["embedded", "fetched"]),
  /** Where it is fetched from; null when that is switched off. */
  url: z.string().nullable(),
  /** When the index was known to be the newest; null of the embedded one. */
  fetched_at: z.iso.datetime().nullable(),
  age_s: z.int().nullable(),
  is_refreshing: z.boolean(),
  /** Why the last attempt to fetch it failed; null when it did not. */
  error: z.string().nullable(),
  extensions: z.array(ListedExtension),
  categories: z.array(StoreCategory),
  external_services: z.array(StoreService),
  /** One sentence for each entry that is left out. */
  problems: z.array(z.string()),
});
export type StoreView = z.infer<typeof StoreView>;
