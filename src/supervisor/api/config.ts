/** The configuration over HTTP (contract 4.10): revisions in `ETag` and `If-Match`, and no secret in any answer. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { ToolSettings } from "../../contract/config.ts";
import { ConfigAnswer, ConfigChanged, ConfigSynced } from "../../contract/config-api.ts";
import { ThingName, ToolName } from "../../contract/names.ts";
import { PreconditionRequiredError } from "../../lib/errors.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { ConfigChanges } from "../config-changes.ts";
import { changeDetails } from "../config-edits.ts";

export interface ConfigDeps {
  configChanges: Pick<
    ConfigChanges,
    "read" | "replace" | "patch" | "patchExtension" | "setTool" | "ofExtension" | "sync"
  >;
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

const Content = z.record(z.string(), z.unknown());
const OfExtension = z.object({ name: ThingName });
const OfTool = z.object({ tool: ToolName });

const MASTER = answers("The configuration, without anything secret", ConfigAnswer);
const PUT = answers("Replace the configuration; If-Match says which one", ConfigChanged);
const PATCH = answers("Change parts of the configuration (RFC 7396)", ConfigChanged);
const PATCH_EXTENSION = answers("Change an extension's entry, or make it", ConfigChanged);
const PATCH_TOOL = answers("Set how a tool may be used", ConfigChanged);
const EXTENSION = answers("An extension's own config.json, without anything secret", Content);
const SYNC = answers("Bring extensions' files and the configuration into agreement", ConfigSynced);

export function configRoutes({ configChanges, audit, callerOf }: ConfigDeps) {
  /** What changed is known, and recorded, once it is done. */
  const change = async (
    context: Context,
    target: string,
    act: () => Promise<ConfigChanged>,
  ): Promise<ConfigChanged> => {
    const details: Record<string, unknown> = {};
    const event = { ...callerOf(context.req), action: "config.change", target, details };
    const done = await audited(audit, event, async () => {
      const result = await act();
      Object.assign(details, changeDetails(result.changed));
      return result;
    });
    context.header("ETag", `"${done.revision}"`);
    return done;
  };
  const ifMatch = ({ req }: Context): string | undefined => req.header("If-Match");
  return new Hono()
    .get("/master", MASTER, async (context) => {
      const { revision, answer } = await configChanges.read();
      context.header("ETag", `"${revision}"`);
      return context.json(answer);
    })
    .put("/master", PUT, valid("json", Content), async (context) => {
      const seen = ifMatch(context);
      if (seen === undefined) {
        throw new PreconditionRequiredError(
          'Cannot replace the configuration: the request does not say which one; send the ETag of GET /config/master as If-Match, or "*" to replace whatever is there, or change parts by PATCH',
        );
      }
      const body = context.req.valid("json");
      return context.json(
        await change(context, "master_config.json", () => configChanges.replace(body, seen)),
      );
    })
    .patch("/master", PATCH, valid("json", Content), async (context) => {
      const body = context.req.valid("json");
      const patch = () => configChanges.patch(body, ifMatch(context));
      return context.json(await change(context, "master_config.json", patch));
    })
    .patch(
      "/master/extensions/:name",
      PATCH_EXTENSION,
      valid("param", OfExtension),
      valid("json", Content),
      async (context) => {
        const { name } = context.req.valid("param");
        const body = context.req.valid("json");
        const patch = () => configChanges.patchExtension(name, body, ifMatch(context));
        return context.json(await change(context, name, patch));
      },
    )
    .patch(
      "/master/tool/:tool",
      PATCH_TOOL,
      valid("param", OfTool),
      valid("json", ToolSettings),
      async (context) => {
        const { tool } = context.req.valid("param");
        const body = context.req.valid("json");
        const set = () => configChanges.setTool(tool, body, ifMatch(context));
        return context.json(await change(context, tool, set));
      },
    )
    .get("/extension/:name", EXTENSION, valid("param", OfExtension), async (context) =>
      context.json(await configChanges.ofExtension(context.req.valid("param").name)),
    )
    .post("/sync", SYNC, async (context) => context.json(await configChanges.sync()));
}
