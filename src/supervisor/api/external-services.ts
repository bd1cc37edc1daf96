/** External services over HTTP (specification 8.3). */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { audited } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import {
  AvailableServices,
  InstallService,
  RegistryFile,
  ServiceChanged,
  ServiceEnabled,
  ServiceInstalled,
  ServiceLogs,
  ServiceLogsQuery,
  ServiceStatusView,
  ServiceUninstalled,
  ServiceUploaded,
  ServiceView,
  UninstallService,
  UploadService,
} from "../../contract/external-service.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { ExternalServices } from "../external-services/external-services.ts";

export interface ExternalServicesDeps {
  audit: Pick<AuditTrail, "record">;
  callerOf: CallerOf;
  externalServices: Pick<
    ExternalServices,
    | "available"
    | "installed"
    | "view"
    | "status"
    | "logs"
    | "install"
    | "uninstall"
    | "startService"
    | "stopService"
    | "restartService"
    | "enable"
    | "upload"
    | "removeDefinition"
  >;
}

const AVAILABLE = answers("The definitions there are", AvailableServices);
const INSTALLED = answers("What is installed, by name", RegistryFile);
const UPLOAD = answers("Add a definition, or only show what it would run", ServiceUploaded);
const VIEW = answers("One service: definition, form, configuration and state", ServiceView);
const DELETE = answers(
  "Delete the definition of a service that is not installed",
  z.object({ deleted: z.literal(true) }),
);
const STATUS = answers("How a service is", ServiceStatusView);
const LOGS = answers("The last lines of a service's log", ServiceLogs);
const INSTALL = answers("Install a service, and start it", ServiceInstalled);
const UNINSTALL = answers("Uninstall a service", ServiceUninstalled);
const START = answers("Start a service, and wait until it is well", ServiceChanged);
const STOP = answers("Stop a service", ServiceChanged);
const RESTART = answers("Restart a service", ServiceChanged);
const ENABLE = answers("Let a service start with the machine", ServiceEnabled);
const DISABLE = answers("Let a service not start with the machine", ServiceEnabled);

export function externalServicesRoutes(deps: ExternalServicesDeps) {
  const { externalServices: services, audit, callerOf } = deps;
  const nameIn = (context: Context): string => context.req.param("name") ?? "";
  const change = <Done>(
    context: Context,
    [verb, target]: [verb: string, target: string],
    act: () => Promise<Done>,
  ): Promise<Done> =>
    audited(audit, { ...callerOf(context.req), action: `external_service.${verb}`, target }, act);
  const changed = <Done>(
    context: Context,
    verb: string,
    act: (name: string) => Promise<Done>,
  ): Promise<Done> => change(context, [verb, nameIn(context)], () => act(nameIn(context)));
  return new Hono()
    .get("/available", AVAILABLE, async (context) => context.json(await services.available()))
    .get("/installed", INSTALLED, async (context) => context.json(await services.installed()))
    .post("/upload", UPLOAD, valid("json", UploadService), async (context) => {
      const { service_definition, preview } = context.req.valid("json");
      const act = () => services.upload(service_definition, preview);
      if (preview) return context.json(await act());
      const target = String(service_definition["name"] ?? "").slice(0, 64);
      return context.json(await change(context, ["upload", target], act));
    })
    .get("/:name", VIEW, async (context) => context.json(await services.view(nameIn(context))))
    .delete("/:name", DELETE, async (context) => {
      await changed(context, "delete", (name) => services.removeDefinition(name));
      return context.json({ deleted: true as const });
    })
    .get("/:name/status", STATUS, async (context) =>
      context.json(await services.status(nameIn(context))),
    )
    .get("/:name/logs", LOGS, valid("query", ServiceLogsQuery), async (context) => {
      const { lines } = context.req.valid("query");
      return context.json(await services.logs(nameIn(context), lines));
    })
    .post("/:name/install", INSTALL, valid("json", InstallService), async (context) => {
      const { config } = context.req.valid("json");
      return context.json(
        await changed(context, "install", (name) => services.install(name, config)),
      );
    })
    .post("/:name/uninstall", UNINSTALL, valid("json", UninstallService), async (context) => {
      const { remove_data } = context.req.valid("json");
      return context.json(
        await changed(context, "uninstall", (name) => services.uninstall(name, remove_data)),
      );
    })
    .post("/:name/start", START, async (context) =>
      context.json(await changed(context, "start", (name) => services.startService(name))),
    )
    .post("/:name/stop", STOP, async (context) =>
      context.json(await changed(context, "stop", (name) => services.stopService(name))),
    )
    .post("/:name/restart", RESTART, async (context) =>
      context.json(await changed(context, "restart", (name) => services.restartService(name))),
    )
    .post("/:name/enable", ENABLE, async (context) =>
      context.json(await changed(context, "enable", (name) => services.enable(name, true))),
    )
    .post("/:name/disable", DISABLE, async (context) =>
      context.json(await changed(context, "disable", (name) => services.enable(name, false))),
    );
}
