/** The control API on port 9999 (specification 4.4), also reached through the edge as /api/supervisor. */
import { Hono } from "hono";
import { upgradeWebSocket } from "hono/bun";
import { z } from "zod";
import type { Credentials } from "../../config/credentials.ts";
import { Overview } from "../../contract/process.ts";
import { loopbackHost, onError, onNotFound, requireBearer } from "../../lib/app.ts";
import type { Logger } from "../../lib/log.ts";
import { answers } from "../../lib/route-facts.ts";
import { type ApiKeyUsesDeps, apiKeyUsesRoutes } from "./api-key-uses.ts";
import { type ApiKeysDeps, agentKeyRoutes, apiKeysRoutes } from "./api-keys.ts";
import { type ConfigDeps, configRoutes } from "./config.ts";
import { type CoreDeps, coreRoutes } from "./core.ts";
import { type ExtensionReloadDeps, extensionReloadRoutes } from "./extension-reload.ts";
import { type ExtensionUpdatesDeps, extensionUpdatesRoutes } from "./extension-updates.ts";
import { type ExtensionUploadDeps, extensionUploadRoutes } from "./extension-upload.ts";
import { type ExtensionsDeps, extensionsRoutes } from "./extensions.ts";
import { type ExternalServicesDeps, externalServicesRoutes } from "./external-services.ts";
import { type KeysDeps, keysRoutes } from "./keys.ts";
import type { Live } from "./live.ts";
import { type LogsDeps, logsRoutes } from "./logs.ts";
import { type McpDoctorDeps, mcpDoctorRoutes } from "./mcp-doctor.ts";
import { type McpServersDeps, mcpServersRoutes } from "./mcp-servers.ts";
import { type PowerDeps, powerRoutes } from "./power.ts";
import { type QueueDeps, queueRoutes } from "./queue.ts";
import { type RunsDeps, runsRoutes } from "./runs.ts";
import { type ServiceKeysDeps, serviceKeysRoutes } from "./service-keys.ts";
import { type ServicesDeps, servicesRoutes } from "./services.ts";
import { type StoreDeps, storeRoutes } from "./store.ts";
import { type SystemDeps, systemRoutes } from "./system.ts";
import { type ToolHostsDeps, toolHostsRoutes } from "./tool-hosts.ts";
import { type ToolsDeps, toolsRoutes } from "./tools.ts";

export interface SupervisorDeps
  extends SystemDeps,
    ServicesDeps,
    LogsDeps,
    ToolsDeps,
    McpServersDeps,
    McpDoctorDeps,
    ToolHostsDeps,
    ExtensionReloadDeps,
    ApiKeysDeps,
    ApiKeyUsesDeps,
    CoreDeps,
    KeysDeps,
    QueueDeps,
    RunsDeps,
    PowerDeps,
    ConfigDeps,
    ExternalServicesDeps,
    ExtensionsDeps,
    ExtensionUpdatesDeps,
    ExtensionUploadDeps,
    StoreDeps,
    ServiceKeysDeps {
  credentials: Credentials;
  /** How far the start is; known from the first moment. */
  phase(): Overview["phase"];
  live: Live;
  log: Logger;
}

const HEALTH = answers(
  "Whether the control API answers, and how far the start is",
  z.object({ status: z.literal("healthy"), phase: Overview.shape.phase }),
);
const LIVE = answers("A WebSocket that tells changes as they come", undefined, { status: 101 });
const OPENAPI = answers("This document", z.looseObject({ openapi: z.string() }));

export function createSupervisorApp(deps: SupervisorDeps) {
  const { credentials, log, ports } = deps;
  const app = new Hono()
    .onError(onError(log))
    .notFound(onNotFound)
    .use(loopbackHost)
    .get("/health", HEALTH, (context) =>
      context.json({ status: "healthy" as const, phase: deps.phase() }),
    )
    .route("/tool-hosts", toolHostsRoutes(deps))
    .route("/api-key-uses", apiKeyUsesRoutes(deps))
    .use(requireBearer(credentials.supervisorToken, "the control API"))
    .get(
      "/live",
      LIVE,
      upgradeWebSocket((context) => deps.live.events(deps.callerOf(context.req).session)),
    )
    .route("/", systemRoutes(deps))
    .route("/services", servicesRoutes(deps))
    .route("/logs", logsRoutes(deps))
    .route("/tools", toolsRoutes(deps))
    .route("/extensions", extensionReloadRoutes(deps))
    .route("/mcp-servers", mcpServersRoutes(deps))
    .route("/mcp-doctor", mcpDoctorRoutes(deps))
    .route("/api-keys", apiKeysRoutes(deps))
    .route("/agents", agentKeyRoutes(deps))
    .route("/core", coreRoutes(deps))
    .route("/keys", keysRoutes(deps))
    .route("/queue", queueRoutes(deps))
    .route("/runs", runsRoutes(deps))
    .route("/", powerRoutes(deps))
    .route("/config", configRoutes(deps))
    .route("/extensions", extensionsRoutes(deps))
    .route("/extensions", extensionUpdatesRoutes(deps))
    .route("/extensions", extensionUploadRoutes(deps))
    .route("/store", storeRoutes(deps))
    .route("/api/external-services", externalServicesRoutes(deps))
    .route("/service-keys", serviceKeysRoutes(deps));
  let document: Record<string, unknown> | undefined;
  return app.get("/openapi.json", OPENAPI, async (context) => {
    const { controlApiDocument } = await import("./openapi.ts");
    document ??= controlApiDocument(app.routes, ports.supervisor);
    return context.json(document);
  });
}

export type SupervisorApp = ReturnType<typeof createSupervisorApp>;
