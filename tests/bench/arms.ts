/** The arms: each way to the same work, next to what it is compared with. */
import { pidsOf } from "./memory.ts";
import {
  ANSWER,
  chatBody,
  mcpCallBody,
  TOOL,
  TOOL_ARGUMENTS,
  timeExchange,
  timeStream,
  toolAnsweredBody,
  toolChatBody,
} from "./requests.ts";
import type { Arm } from "./rounds.ts";
import type { Subject } from "./subject.ts";

const CHAT = "/v1/chat/completions";
const MODELS = "/v1/models";
const FAST = 500;
const USUAL = 80;
const STREAMS = 20;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The addresses of Luna's services, direct and as the public sees them, and of the model itself. */
function targets({ luna, model, agent, mcp }: Subject) {
  const direct = `http://127.0.0.1:${luna.ports.agent}`;
  const edge = `${luna.url}/api/agent`;
  return {
    model: { url: `${model.url}/chat/completions` },
    chat: agent(direct, CHAT),
    chatByEdge: agent(edge, CHAT),
    models: agent(direct, MODELS),
    modelsByEdge: agent(edge, MODELS),
    mcp: mcp(`http://127.0.0.1:${luna.ports.mcp}`),
    mcpByEdge: mcp(luna.url),
  };
}

/** Whose time counts: Luna's arms count every process of Luna, so that no work hides in another one. */
function counted({ luna, model, bare }: Subject) {
  const own = process.pid;
  return {
    bench: () => [own],
    bare: () => [bare.pid],
    model: () => [model.pid],
    luna: () => pidsOf(luna),
    // Here the client is part of what is measured.
    lunaAndBench: () => [own, ...pidsOf(luna)],
    lunaAndModel: () => [model.pid, ...pidsOf(luna)],
  };
}

/** One tool call, near and far. */
export function toolArms(subject: Subject) {
  const { inProcess, inHost } = subject;
  const to = targets(subject);
  const of = counted(subject);
  const mcpCall = { body: mcpCallBody, proof: "birch" };
  const agentCall = { body: toolChatBody, proof: ANSWER };
  return {
    toolInProcess: {
      name: "the function in process",
      requests: FAST,
      pids: of.bench,
      call: () => timed(() => inProcess(TOOL, TOOL_ARGUMENTS)),
    },
    toolInHost: {
      name: "warm tool host",
      requests: FAST,
      pids: of.lunaAndBench,
      call: () => timed(() => inHost(TOOL, TOOL_ARGUMENTS)),
    },
    toolByMcp: {
      name: "MCP tools/call, direct",
      requests: USUAL,
      pids: of.luna,
      call: () => timeExchange(to.mcp, mcpCall),
    },
    toolByMcpAndEdge: {
      name: "MCP tools/call, through Caddy",
      requests: USUAL,
      pids: of.luna,
      call: () => timeExchange(to.mcpByEdge, mcpCall),
    },
    toolByModel: {
      name: "model directly, both its turns",
      requests: USUAL,
      pids: of.model,
      call: async () =>
        (await timeExchange(to.model, { body: toolChatBody, proof: TOOL })) +
        (await timeExchange(to.model, { body: toolAnsweredBody, proof: ANSWER })),
    },
    toolByAgent: {
      name: "agent API: model, tool, model",
      requests: USUAL,
      pids: of.lunaAndModel,
      call: () => timeExchange(to.chat, agentCall),
    },
  } satisfies Record<string, Arm>;
}

/** The smallest requests there are. */
export function requestArms(subject: Subject) {
  const to = targets(subject);
  const of = counted(subject);
  return {
    bare: {
      name: "bare Bun.serve",
      requests: FAST,
      pids: of.bare,
      call: () => timeExchange({ url: subject.bare.url }, { proof: "ok" }),
    },
    models: {
      name: "GET /v1/models, direct",
      requests: FAST,
      pids: of.luna,
      call: () => timeExchange(to.models, { proof: "simple_agent" }),
    },
    modelsByEdge: {
      name: "GET /v1/models, through Caddy",
      requests: FAST,
      pids: of.luna,
      call: () => timeExchange(to.modelsByEdge, { proof: "simple_agent" }),
    },
  } satisfies Record<string, Arm>;
}

/** One page of the Hub, for anybody and for who is signed in: the same but for auth's word. */
export function pageArms(subject: Subject) {
  const of = counted(subject);
  const proof = '<div id="root">';
  return {
    pageOfAnybody: {
      name: "GET /login, through Caddy",
      requests: FAST,
      pids: of.luna,
      call: () => timeExchange(subject.page("/login"), { proof }),
    },
    pageOfOwner: {
      name: "GET /tools, through Caddy, session verified",
      requests: FAST,
      pids: of.luna,
      call: () => timeExchange(subject.page("/tools"), { proof }),
    },
  } satisfies Record<string, Arm>;
}

/** A chat without tools, whole. */
export function chatArms(subject: Subject) {
  const to = targets(subject);
  const of = counted(subject);
  const chat = { body: chatBody, proof: ANSWER };
  return {
    chatByModel: {
      name: "model directly",
      requests: USUAL,
      pids: of.model,
      call: () => timeExchange(to.model, chat),
    },
    chatByAgent: {
      name: "agent API, direct",
      requests: USUAL,
      pids: of.lunaAndModel,
      call: () => timeExchange(to.chat, chat),
    },
    chatByEdge: {
      name: "agent API, through Caddy",
      requests: USUAL,
      pids: of.lunaAndModel,
      call: () => timeExchange(to.chatByEdge, chat),
    },
  } satisfies Record<string, Arm>;
}

/** A chat as it comes: when the first token is there, after the request and after the model sent it. */
export function streamArms(subject: Subject) {
  const to = targets(subject);
  const of = counted(subject);
  return {
    streamByModel: {
      name: "model directly, first token after the request",
      requests: STREAMS,
      pids: of.model,
      call: async () => (await timeStream(to.model)).afterRequestMs,
    },
    streamByAgent: {
      name: "agent API, direct",
      requests: STREAMS,
      pids: of.lunaAndModel,
      call: async () => (await timeStream(to.chat)).afterRequestMs,
    },
    streamByEdge: {
      name: "agent API, through Caddy",
      requests: STREAMS,
      pids: of.lunaAndModel,
      call: async () => (await timeStream(to.chatByEdge)).afterRequestMs,
    },
    tokenByModel: {
      name: "model directly, first token after its sending",
      requests: STREAMS,
      pids: of.model,
      call: async () => (await timeStream(to.model)).afterSendingMs,
    },
    tokenByAgent: {
      name: "agent API, direct",
      requests: STREAMS,
      pids: of.lunaAndModel,
      call: async () => (await timeStream(to.chat)).afterSendingMs,
    },
    tokenByEdge: {
      name: "agent API, through Caddy",
      requests: STREAMS,
      pids: of.lunaAndModel,
      call: async () => (await timeStream(to.chatByEdge)).afterSendingMs,
    },
  } satisfies Record<string, Arm>;
}
