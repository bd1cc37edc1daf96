/** Builds the agent API out of its parts and serves it. */
import { z } from "zod";
import { ModelEndpoints } from "../../agents/model-endpoint.ts";
import { Models } from "../../agents/models.ts";
import { Ollama } from "../../agents/ollama.ts";
import { simpleAgent } from "../../agents/simple-agent.ts";
import type { ToolSource } from "../../agents/tool-source.ts";
import { callerWith } from "../../audit/caller.ts";
import { AuditTrail } from "../../audit/trail.ts";
import { type Environment, readVariables } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { pathsOf } from "../../config/paths.ts";
import { portsWith } from "../../config/ports.ts";
import { messageOf, UnavailableError } from "../../lib/errors.ts";
import { createLogger, type Logger } from "../../lib/log.ts";
import { serve } from "../../lib/serve.ts";
import { askedToStop, drain, endOnUncaught } from "../../lib/stop.ts";
import { ToolCatalogue } from "../../tools/catalogue.ts";
import { ToolClient } from "../../tools/client.ts";
import { createAgentApp } from "./app.ts";

/** An empty value in `.env` means the same as none. */
const Optional = z
  .string()
  .optional()
  .transform((value) => value?.trim() || undefined);

const Variables = z.object({
  AGENT_API_KEY: z.string().min(1),
  LUNA_TOOL_HOST_TOKEN: z.string().min(1),
  LUNA_ASSERTION_KEY: z.string().min(1),
  OPENAI_API_KEY: Optional,
  OPENAI_BASE_URL: Optional,
  LLM_DEFAULT_MODEL: Optional,
  DEFAULT_AGENT: Optional,
});
type Variables = z.infer<typeof Variables>;

/** Whoever has Luna's own key is known by it. */
const OWN_KEY = { kind: "key", name: "AGENT_API_KEY" } as const;

/** A file of Luna's own that cannot be read is not the fault of whoever asks. */
async function ownFile<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new UnavailableError(messageOf(cause), { cause });
  }
}

interface Records {
  audit: AuditTrail;
  log: Logger;
}

function buildApp(environment: Environment, variables: Variables, { audit, log }: Records) {
  const paths = pathsOf(environment.home);
  const config = new MasterConfigStore(paths.masterConfig);
  const catalogue = new ToolCatalogue({ paths, config });
  const client = new ToolClient({
    paths,
    catalogue,
    config,
    supervisorUrl: `http://127.0.0.1:${portsWith(environment.portOffset).supervisor}`,
    token: variables.LUNA_TOOL_HOST_TOKEN,
    ...{ audit, log },
  });
  const tools: ToolSource = {
    read: () => ownFile(() => catalogue.read()),
    call: (request) => client.call(request),
  };
  const endpoints = new ModelEndpoints({
    baseUrl: variables.OPENAI_BASE_URL,
    apiKey: variables.OPENAI_API_KEY,
    model: variables.LLM_DEFAULT_MODEL,
    configuredModel: async () => (await ownFile(() => config.read())).luna.default_llm,
    ollama: new Ollama(),
  });
  const models = new Models({ endpoints });
  const app = createAgentApp({
    agents: [simpleAgent({ tools, model: () => models.now() })],
    defaultAgent: variables.DEFAULT_AGENT ?? "simple_agent",
    apiKey: variables.AGENT_API_KEY,
    port: portsWith(environment.portOffset).agent,
    callerOf: callerWith({ key: variables.LUNA_ASSERTION_KEY, otherwise: OWN_KEY }),
    log,
  });
  return { app, models };
}

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const variables = readVariables(environment, Variables, "the agent API");
  const { AGENT_API_KEY, LUNA_TOOL_HOST_TOKEN, LUNA_ASSERTION_KEY } = variables;
  const { OPENAI_API_KEY = "" } = variables;
  const secrets = [AGENT_API_KEY, LUNA_TOOL_HOST_TOKEN, LUNA_ASSERTION_KEY, OPENAI_API_KEY];
  const log = createLogger("agent", secrets);
  endOnUncaught(log);
  const folder = pathsOf(environment.home).audit;
  const audit = new AuditTrail({ folder, process: "agent", secrets, log });
  const { app, models } = buildApp(environment, variables, { audit, log });
  const port = portsWith(environment.portOffset).agent;
  const server = serve({ fetch: app.fetch, listen: { port } });
  log.info("Listening", { port });
  // Behind the listening: health does not wait for LangChain, and the first chat need not either.
  models.warm().catch((error: unknown) => log.error("LangChain did not load", { error }));

  log.info("Stopping", { signal: await stopping });
  await drain(server);
  audit.close();
  process.exit(0);
}
