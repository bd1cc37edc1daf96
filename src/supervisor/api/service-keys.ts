/** Keys of extensions' services over HTTP (contract 4.10); the edge asks for them (src/services/auth/exposed-service.ts). */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { ThingName } from "../../contract/names.ts";
import {
  NewServiceKey,
  RotateServiceKey,
  ServiceKeyList,
  ServiceKeyView,
} from "../../contract/service-keys.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { ServiceKeys } from "../service-keys.ts";

export interface ServiceKeysDeps {
  serviceKeys: Pick<ServiceKeys, "list" | "view" | "create" | "regenerate" | "delete">;
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
}

const Named = z.object({ extension: ThingName, service: ThingName });
type Named = z.infer<typeof Named>;

const LIST = answers("Keys of services, without anything secret", ServiceKeyList);
const VIEW = answers("What is known of a service's key", ServiceKeyView);
const CREATE = answers("Make a key for a service; it is shown this once", NewServiceKey);
const REGENERATE = answers("Give a service another key", NewServiceKey);
const DELETE = answers("End a service's key at once", z.object({ deleted: z.literal(true) }));

export function serviceKeysRoutes({ serviceKeys, audit, callerOf }: ServiceKeysDeps) {
  const change = <Done>(
    context: Context,
    [action, { extension, service }]: [action: `key.${string}`, named: Named],
    act: () => Promise<Done>,
  ): Promise<Done> => {
    const target = `${extension}.${service}`;
    return audited(audit, { ...callerOf(context.req), action, target }, act);
  };
  return new Hono()
    .get("/list", LIST, async (context) => context.json(await serviceKeys.list()))
    .get("/:extension/:service", VIEW, valid("param", Named), async (context) =>
      context.json(await serviceKeys.view(context.req.valid("param"))),
    )
    .post("/:extension/:service", CREATE, valid("param", Named), async (context) => {
      const named = context.req.valid("param");
      const create = () => serviceKeys.create(named);
      return context.json(await change(context, ["key.create", named], create));
    })
    .post(
      "/:extension/:service/regenerate",
      REGENERATE,
      valid("param", Named),
      valid("json", RotateServiceKey),
      async (context) => {
        const named = context.req.valid("param");
        const { grace_s } = context.req.valid("json");
        const regenerate = () => serviceKeys.regenerate(named, grace_s);
        return context.json(await change(context, ["key.rotate", named], regenerate));
      },
    )
    .delete("/:extension/:service", DELETE, valid("param", Named), async (context) => {
      const named = context.req.valid("param");
      await change(context, ["key.revoke", named], () => serviceKeys.delete(named));
      return context.json({ deleted: true as const });
    });
}
