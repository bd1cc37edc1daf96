/** Taking up an extension's changed files. */
import { Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { ExtensionReload, ReloadRequest } from "../../contract/extension-reload.ts";
import { ThingName } from "../../contract/names.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { ExtensionReloader } from "../extension-reload.ts";

export interface ExtensionReloadDeps {
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
  extensionReload: Pick<ExtensionReloader, "reload">;
}

const Target = z.object({ name: ThingName });

const RELOAD = answers(
  "Take up an extension's files as they are now: tools without a gap, UI and services by a restart",
  ExtensionReload,
);

export function extensionReloadRoutes({ audit, callerOf, extensionReload }: ExtensionReloadDeps) {
  return new Hono().post(
    "/:name/reload",
    RELOAD,
    valid("param", Target),
    valid("json", ReloadRequest),
    async (context) => {
      const target = context.req.valid("param").name;
      const { parts, stay } = context.req.valid("json");
      const what = { ...callerOf(context.req), action: "extension.reload", target };
      return context.json(
        await audited(audit, what, () => extensionReload.reload(target, { parts, stay })),
      );
    },
  );
}
