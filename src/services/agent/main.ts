/** Builds the agent API out of its parts and serves it. */
import { z } from "zod";
import { ModelEndpoints } from "../../agents/model-endpoint.ts";
import { Models } from "../../agents/models.ts";
import { Ollama } from "../../agents/ollama.ts";
import { simpleAgent } from "../../agents/simple-agent.ts";
import type { ToolSource } from "../../agents/tool-source.ts";
import { openKeyGate } from "../../api-keys/open-key-gate.ts";
import { callerWith } from "../../audit/caller.ts";
import { recordingRefusals } from "../../audit/refused-requests.ts";
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
  LUNA_EDGE_TOKEN: z.string().min(1),
  LUNA_TOOL_HOST_TOKEN: z.string().min(1),
  LUNA_ASSERTION_KEY: z.string().min(1),
  OPENAI_API_KEY: Optional,
  OPENAI_BASE_URL: Optional,
  LLM_DEFAULT_MODEL: Optional,
  DEFAULT_AGENT: Optional,
});
type Variables = z.infer<typeof Variables>;

/** Who has the token of the edge, should it not say whose session it had checked. */
const THE_EDGE = { kind: "owner", name: "unnamed" } as const;

/** A file of Luna's own that cannot be read is not the fault of whoever asks. */
async function ownFile<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new UnavailableError(messageOf(cause), { cause });
  }
}

interface Surroundings {
  audit: AuditTrail;
  log: Logger;
  stopping: AbortSignal;
}

function buildApp(
  environment: Environment,
  variables: Variables,
  { audit, log, stopping }: Surroundings,
) {
  const paths = pathsOf(environment.home);
  const ports = portsWith(environment.portOffset);
  const config = new MasterConfigStore(paths.masterConfig);
  const catalogue = new ToolCatalogue({ paths, config });
  const supervisorUrl = `http://127.0.0.1:${ports.supervisor}`;
  const token = variables.LUNA_TOOL_HOST_TOKEN;
  const client = new ToolClient({
    ...{ paths, catalogue, config, supervisorUrl, token, audit, log },
  });
  const { gate, uses } = openKeyGate({ path: paths.apiKeys, config, supervisorUrl, token, log });
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
    agents: [simpleAgent({ model: () => models.now() })],
    defaultAgent: variables.DEFAULT_AGENT ?? "simple_agent",
    ...{ tools, gate, edgeToken: variables.LUNA_EDGE_TOKEN },
    callerOf: callerWith({ key: variables.LUNA_ASSERTION_KEY, otherwise: THE_EDGE }),
    ...{ port: ports.agent, log, stopping },
  });
  return { app, models, uses, port: ports.agent };
}

export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const variables = readVariables(environment, Variables, "the agent API");
  const { LUNA_EDGE_TOKEN, LUNA_TOOL_HOST_TOKEN, LUNA_ASSERTION_KEY } = variables;
  const { OPENAI_API_KEY = "" } = variables;
  const secrets = [LUNA_EDGE_TOKEN, LUNA_TOOL_HOST_TOKEN, LUNA_ASSERTION_KEY, OPENAI_API_KEY];
  const log = createLogger("agent", secrets);
  endOnUncaught(log);
  const folder = pathsOf(environment.home).audit;
  const audit = new AuditTrail({ folder, process: "agent", secrets, log });
  const streams = new AbortController();
  const surroundings = { audit, log, stopping: streams.signal };
  const { app, models, uses, port } = buildApp(environment, variables, surroundings);
  const server = serve({ fetch: recordingRefusals(app.fetch, audit), listen: { port } });
  log.info("Listening", { port });
  // Behind the listening: health does not wait for LangChain, and the first chat need not either.
  models.warm().catch((error: unknown) => log.error("LangChain did not load", { error }));

  log.info("Stopping", { signal: await stopping });
  await drain(server, streams);
  await uses.flush();
  audit.close();
  process.exit(0);
}
