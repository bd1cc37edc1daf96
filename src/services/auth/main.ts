/** Runs the auth service: sign-in, sessions, and Caddy's question whether a request may pass. */
import { z } from "zod";
import { AuditTrail } from "../../audit/trail.ts";
import { type Environment, readVariables } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { pathsOf } from "../../config/paths.ts";
import { portsWith } from "../../config/ports.ts";
import { DeploymentMode } from "../../contract/config.ts";
import { openDatabase } from "../../db/open.ts";
import { databaseSettings } from "../../db/settings.ts";
import { createLogger } from "../../lib/log.ts";
import { serve } from "../../lib/serve.ts";
import { askedToStop, drain, endOnUncaught } from "../../lib/stop.ts";
import { createAuthApp } from "./app.ts";
import { AuditKeeping } from "./audit-keeping.ts";
import { ensureOwner } from "./owner.ts";
import { PageTokens } from "./page-token.ts";
import { createParts } from "./parts.ts";
import { RoutedPaths } from "./routed-paths.ts";
import { ServiceKeyCheck } from "./service-keys.ts";

const PURGE_INTERVAL_MS = 60 * 60_000;

const AuthVariables = z.object({
  LUNA_AUTH_TOKEN: z.string().min(1),
  /** What MCP asks about tokens with. */
  LUNA_TOKEN_CHECK: z.string().min(1),
  /** The Hub's address, without a final slash. */
  LUNA_PUBLIC_URL: z.url(),
  LUNA_DEPLOYMENT_MODE: DeploymentMode,
  GITHUB_CLIENT_SECRET: z.string().default(""),
});

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const given = readVariables(environment, AuthVariables, "auth");
  const { LUNA_AUTH_TOKEN: token, LUNA_TOKEN_CHECK: checkToken } = given;
  const files = pathsOf(environment.home);
  const settings = databaseSettings(environment.variables, files.database);
  const password = settings.dialect === "postgres" ? [settings.password] : [];
  const secrets = [token, checkToken, given.GITHUB_CLIENT_SECRET, ...password];
  const log = createLogger("auth", secrets);
  endOnUncaught(log);
  const audit = new AuditTrail({ folder: files.audit, process: "auth", secrets, log });
  const database = await openDatabase(settings);
  const clock = Date.now;
  await ensureOwner(database, clock());
  const { LUNA_PUBLIC_URL: publicUrl, LUNA_DEPLOYMENT_MODE: mode } = given;
  const { variables } = environment;
  const config = new MasterConfigStore(files.masterConfig);
  const parts = createParts({ database, clock, log, variables, mode, publicUrl, token, config });

  const purge = async (): Promise<void> => {
    try {
      await parts.sessions.purge();
      await parts.links.purge();
      await parts.oauth.grants.purge();
      await parts.oauth.clients.purge();
    } catch (error) {
      // Expired rows open nothing: they can wait for the next hour.
      log.warn("Cannot remove expired sessions, links and grants", { error });
    }
  };
  await purge();
  const purging = setInterval(purge, PURGE_INTERVAL_MS);

  const auditLog = new AuditKeeping({
    ...{ folder: files.audit, database, config },
    ...{ audit, clock, log },
  });
  auditLog.start();

  const paths = new RoutedPaths({ path: files.routes, services: files.serviceRoutes, log });
  const pages = new PageTokens(token);
  const serviceKeys = new ServiceKeyCheck({ config, clock });
  const edge = { pages, paths, serviceKeys };
  const app = createAuthApp({
    ...{ ...parts, ...edge, auditLog, token, checkToken, clock, audit, log },
  });
  const { auth: port } = portsWith(environment.portOffset);
  const server = serve({ fetch: app.fetch, listen: { port } });
  log.info("Auth is ready", { port, database: database.dialect });

  log.info("Stopping", { signal: await stopping });
  clearInterval(purging);
  await drain(server);
  audit.close();
  await auditLog.stop();
  await database.close();
  process.exit(0);
}
