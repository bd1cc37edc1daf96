/** Builds the Hub's service out of the embedded files and serves it. */
import type { Environment } from "../../config/environment.ts";
import { portsWith } from "../../config/ports.ts";
import { createLogger } from "../../lib/log.ts";
import { serve } from "../../lib/serve.ts";
import { askedToStop, drain, endOnUncaught } from "../../lib/stop.ts";
import { createHubApp } from "./app.ts";
import { ASSETS } from "./assets.generated.ts";

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const log = createLogger("hub");
  endOnUncaught(log);
  const port = portsWith(environment.portOffset).hub;
  const app = createHubApp({ assets: ASSETS, log });
  const server = serve({ fetch: app.fetch, listen: { port } });
  log.info("Listening", { port, files: Object.keys(ASSETS).length });

  log.info("Stopping", { signal: await stopping });
  await drain(server);
  process.exit(0);
}
