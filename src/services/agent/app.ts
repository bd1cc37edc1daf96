/** The agent API: OpenAI's chat completions, answered by agents (specification 9.1). */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Agent } from "../../agents/agent.ts";
import { Sampling } from "../../agents/chat-model.ts";
import { agentMessages } from "../../agents/messages.ts";
import { ModelError } from "../../agents/model-error.ts";
import { scopedTools } from "../../agents/scoped-tools.ts";
import type { ToolSource } from "../../agents/tool-source.ts";
import type { Access, KeyGate } from "../../api-keys/key-gate.ts";
import { allowsAgent, insufficientScope } from "../../api-keys/scopes.ts";
import type { CallerOf } from "../../audit/caller.ts";
import { loopbackHost, onError, onNotFound } from "../../lib/app.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { NotFoundError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import { requireAccess } from "./access.ts";
import { ChatRequest, checkChatRequest } from "./chat-request.ts";
import { Completion, completionHead, completionOf } from "./completion.ts";
import { streamCompletion } from "./completion-stream.ts";
import { headerText } from "./header-text.ts";
import { RunRecord } from "./run-record.ts";

export interface AgentAppOptions {
  agents: readonly Agent[];
  /** The agent of requests that name none (`DEFAULT_AGENT`). */
  defaultAgent: string;
  tools: ToolSource;
  /** Who may ask. */
  gate: KeyGate;
  /** What Caddy presents once it had a session checked. */
  edgeToken: string;
  /** Its own port on loopback. */
  port: number;
  callerOf: CallerOf;
  /** Aborted when what streams has to end. */
  stopping?: AbortSignal;
  log: Logger;
}

const ModelView = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
});
type ModelView = z.infer<typeof ModelView>;

function modelView(name: string, created: number): ModelView {
  return { id: name, object: "model", created, owned_by: "luna" };
}

const HEALTH = answers("Whether the agent API answers", z.object({ status: z.literal("ok") }));
const MODELS = answers(
  "The agents, as models",
  z.object({ object: z.literal("list"), data: z.array(ModelView) }),
);
const MODEL = answers("One agent, as a model", ModelView);
const CHAT = answers("Let an agent answer", Completion);
const CHAT_STREAM = answers("Let an agent answer, token by token", z.string(), {
  type: "text/event-stream",
});
const OPENAPI = answers("This document", z.looseObject({ openapi: z.string() }));

/** Those that the key opens. */
function agentsOf({ scopes }: Access, agents: readonly Agent[]): readonly Agent[] {
  return agents.filter(({ name }) => allowsAgent(scopes, name));
}

function agentCalled(name: string, access: Access, agents: readonly Agent[]): Agent {
  // Before it is looked for: what is not of its concern the key is not told.
  if (!allowsAgent(access.scopes, name)) {
    throw insufficientScope(`use the model "${name}"`, `the agent "${name}"`);
  }
  const agent = agents.find((candidate) => candidate.name === name);
  if (agent !== undefined) return agent;
  const names = agentsOf(access, agents).map((candidate) => candidate.name);
  throw new NotFoundError(`unknown model "${name}": there are ${names.join(", ")}`, {
    code: "model_not_found",
  });
}

/** Clients of OpenAI's kind try again by themselves; this header tells them when that is wrong. */
const DO_NOT_RETRY = ["X-Should-Retry", "false"] as const;

/** What nginx made the custom for a client that closed its request. */
const CLIENT_GONE = 499;

/** Runs the agent that the request names, and answers in the way that it wants. */
async function answerChat(
  context: Context<{ Variables: { access: Access } }>,
  request: ChatRequest,
  { agents, defaultAgent, tools, log, stopping }: AgentAppOptions,
): Promise<Response> {
  checkChatRequest(request);
  const { access } = context.var;
  const agent = agentCalled(request.model?.trim() || defaultAgent, access, agents);
  const trace = context.req.header("X-Luna-Trace") === "1";
  const stream = request.stream === true;
  const usage = request.stream_options?.include_usage === true;
  const cancelled = new AbortController();
  const signal = AbortSignal.any([context.req.raw.signal, cancelled.signal]);
  const record = new RunRecord(agent.name);
  const head = completionHead(agent.name);
  const events = agent.run({
    conversation: agentMessages(request.messages),
    memory: headerText(context.req.header("X-Luna-Memory") ?? "").trim(),
    sampling: Sampling.parse(request),
    stream,
    usage,
    tools: scopedTools(tools, access),
    useTools: request.tool_choice !== "none",
    caller: { actor: access.actor, address: clientAddress(context.req) },
    signal,
  });
  try {
    if (stream) {
      const abort = (): void => cancelled.abort();
      const shown = { record, head, trace, usage };
      return await streamCompletion({ ...shown, events, log, abort, stopping });
    }
    const completion = await completionOf({ events, record, head, trace });
    context.header("X-Luna-Timings", JSON.stringify(record.timings()));
    return context.json(completion);
  } catch (error) {
    // Nobody reads this; it is only no failure of Luna's.
    if (signal.aborted) return new Response(null, { status: CLIENT_GONE });
    // The same request again would run the same tools again.
    if (record.toolsRan) context.header(...DO_NOT_RETRY);
    throw error;
  }
}

// The type is Hono's own: the chain of routes.
export function createAgentApp(options: AgentAppOptions) {
  const { agents, log, port } = options;
  const created = Math.floor(Date.now() / 1000);
  const renderError = onError(log);
  const app = new Hono()
    .use(loopbackHost)
    .get("/healthz", HEALTH, (context) => context.json({ status: "ok" as const }))
    .use(requireAccess(options))
    .get("/v1/models", MODELS, (context) => {
      const names = agentsOf(context.var.access, agents)
        .map(({ name }) => name)
        .sort();
      return context.json({
        object: "list" as const,
        data: names.map((name) => modelView(name, created)),
      });
    })
    .get("/v1/models/:id", MODEL, (context) => {
      const { name } = agentCalled(context.req.param("id"), context.var.access, agents);
      return context.json(modelView(name, created));
    })
    .post("/v1/chat/completions", CHAT, CHAT_STREAM, valid("json", ChatRequest), (context) =>
      answerChat(context, context.req.valid("json"), options),
    )
    .notFound(onNotFound)
    .onError((thrown, context) => {
      if (thrown instanceof ModelError) {
        if (thrown.retryAfter !== undefined) context.header("Retry-After", thrown.retryAfter);
        if (!thrown.transient) context.header(...DO_NOT_RETRY);
      }
      return renderError(thrown, context);
    });
  let document: Record<string, unknown> | undefined;
  return app.get("/openapi.json", OPENAPI, async (context) => {
    const { agentApiDocument } = await import("./openapi.ts");
    document ??= agentApiDocument(app.routes, port);
    return context.json(document);
  });
}

export type AgentApp = ReturnType<typeof createAgentApp>;
