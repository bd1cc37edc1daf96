/** `.luna/routes.json`: where the public paths of extensions lead now; the supervisor writes it, auth reads it. */
import { z } from "zod";
import { ThingName } from "./names.ts";

const RoutedPort = z.object({
  port: z.int().min(1).max(65_535),
  /** Whether the public prefix is taken off before the extension sees the path. */
  strip_prefix: z.boolean(),
});

const RoutedService = RoutedPort.extend({
  /** What a request from outside needs; a table that does not say asks for a session. */
  access: z.enum(["session", "key", "open"]).default("session"),
  /** Whether pages of other sites may use it, without cookies. */
  cors: z.boolean().default(false),
  /** Another path that leads there, such as `/api/notes/v1`. */
  prefix: z.string().nullable().default(null),
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
      services: z.record(z.string(), RoutedService),
    }),
  ),
});
export type RoutesFile = z.infer<typeof RoutesFile>;
/** As somebody may write it, with what has a default left out. */
export type RoutesTable = z.input<typeof RoutesFile>;
