/** `.luna/routes.json`: where the public paths of extensions lead now; the supervisor writes it, auth reads it. */
import { z } from "zod";
import { ThingName } from "./names.ts";

const RoutedPort = z.object({
  port: z.int().min(1).max(65_535),
  /** Whether the public prefix is taken off before the extension sees the path. */
  strip_prefix: z.boolean(),
});

export const RoutesFile = z.object({
  extensions: z.record(
    ThingName,
    z.object({
      /** Served under `/ext/<extension>/`. */
      ui: RoutedPort.extend({
        /** Whether `/ext/<extension>` is redirected to `/ext/<extension>/`. */
        enforce_trailing_slash: z.boolean(),
      }).nullable(),
      /** Served under `/api/<extension>/<service>/`; the first by name also under `/api/<extension>/`. */
      services: z.record(z.string(), RoutedPort),
    }),
  ),
});
export type RoutesFile = z.infer<typeof RoutesFile>;
