/** Runs the auth service: sign-in, sessions, and Caddy's question whether a request may pass. */
import { z } from "zod";
import { AuditTrail } from "../../audit/trail.ts";
import { type Environment, readVariables } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { pathsOf } from "../../config/paths.ts";
import { portsWith } from "../../config/ports.ts";
import { openDatabase } from "../../db/open.ts";
import { databaseSettings } from "../../db/settings.ts";
import { createLogger } from "../../lib/log.ts";
import { serve } from "../../lib/serve.ts";
import { askedToStop, drain, endOnUncaught } from "../../lib/stop.ts";
import { createAuthApp } from "./app.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import { AuditKeeping } from "./audit-keeping.ts";
import { GuessLimit } from "./guess-limit.ts";
import { LoginLinks } from "./login-links.ts";
import { ensureOwner } from "./owner.ts";
import { PageTokens } from "./page-token.ts";
import { PassphraseHash } from "./passphrase-hash.ts";
import { Passphrases } from "./passphrases.ts";
import { RoutedPaths } from "./routed-paths.ts";
import { Sessions } from "./sessions.ts";

const PURGE_INTERVAL_MS = 60 * 60_000;

const AuthVariables = z.object({ LUNA_AUTH_TOKEN: z.string().min(1) });

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const { LUNA_AUTH_TOKEN: token } = readVariables(environment, AuthVariables, "auth");
  const files = pathsOf(environment.home);
  const settings = databaseSettings(environment.variables, files.database);
  const secrets = settings.dialect === "postgres" ? [token, settings.password] : [token];
  const log = createLogger("auth", secrets);
  endOnUncaught(log);
  const audit = new AuditTrail({ folder: files.audit, process: "auth", secrets, log });
  const database = await openDatabase(settings);
  const clock = Date.now;
  await ensureOwner(database, clock());
  const allowsGithub = (): boolean => false;
  const sessions = new Sessions({ database, clock, log, allowsGithub });
  const links = new LoginLinks({ database, clock });
  const passphrases = new Passphrases({
    ...{ database, clock },
    ...{ hash: new PassphraseHash(), guesses: new GuessLimit(clock) },
  });

  const purge = async (): Promise<void> => {
    try {
      await sessions.purge();
      await links.purge();
    } catch (error) {
      // Expired rows open nothing: they can wait for the next hour.
      log.warn("Cannot remove expired sessions and links", { error });
    }
  };
  await purge();
  const purging = setInterval(purge, PURGE_INTERVAL_MS);

  const auditLog = new AuditKeeping({
    ...{ folder: files.audit, database, config: new MasterConfigStore(files.masterConfig) },
    ...{ audit, clock, log },
  });
  auditLog.start();

  const attempts = new AttemptLimit(clock);
  const paths = new RoutedPaths({ path: files.routes, log });
  const pages = new PageTokens(token);
  const app = createAuthApp({
    ...{ sessions, links, passphrases, pages, paths, attempts, auditLog },
    ...{ token, clock, audit, log },
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
