/** An extension's manifest, `config.json` (specification 7.1). */
import { z } from "zod";
import { KeyName, ThingName } from "./names.ts";

export const Manifest = z.looseObject({
  name: ThingName.optional(),
  description: z.string().optional(),
  version: z.string().default(""),
  required_secrets: z.array(KeyName).default([]),
  auto_update: z.boolean().default(false),
});
export type Manifest = z.infer<typeof Manifest>;
