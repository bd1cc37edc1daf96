/** A stand-in for the models of agents at a terminal: in Anthropic's and Google's wire formats, it wants one tool after the other. */
import { z } from "zod";

const AnthropicBody = z.looseObject({
  model: z.string(),
  tools: z.array(z.looseObject({ name: z.string() })).default([]),
  messages: z.array(
    z.looseObject({
      content: z.union([
        z.string(),
        z.array(z.looseObject({ type: z.string(), content: z.unknown().optional() })),
      ]),
    }),
  ),
});
const GoogleBody = z.looseObject({
  tools: z
    .array(
      z.looseObject({
        functionDeclarations: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    )
    .default([]),
  contents: z.array(
    z.looseObject({ parts: z.array(z.looseObject({ functionResponse: z.unknown().optional() })) }),
  ),
});

/** What a request says, in whichever format. */
interface Asked {
  tools: string[];
  /** What the tools answered so far, as JSON. */
  results: string[];
}

/** What Caddy answers in place of a part of Luna; nobody but the model repeats a call that may have run. */
const UNAVAILABLE = "does not answer at the moment";
/** In one conversation. */
const REPEATS_MAX = 3;

/** The name of the tool that the model wants next, when it is time. */
type Turn = () => string | Promise<string>;

export interface AgentModel {
  url: string;
  /** Of the last request that offered tools; what was unavailable, and called again, is left out. */
  asked: Asked;
  /** One tool for each turn; then the model is done. */
  plan(...turns: Turn[]): void;
  stop(): Promise<void>;
}

function readAnthropic(body: z.infer<typeof AnthropicBody>): Asked {
  const blocks = body.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const results = blocks.filter(({ type }) => type === "tool_result");
  return {
    tools: body.tools.map(({ name }) => name),
    results: results.map(({ content }) => JSON.stringify(content)),
  };
}

function readGoogle(body: z.infer<typeof GoogleBody>): Asked {
  const parts = body.contents.flatMap((content) => content.parts);
  const results = parts.filter(({ functionResponse }) => functionResponse !== undefined);
  return {
    tools: body.tools.flatMap((tool) => tool.functionDeclarations.map(({ name }) => name)),
    results: results.map(({ functionResponse }) => JSON.stringify(functionResponse)),
  };
}

const streamed = (text: string): Response =>
  new Response(text, { headers: { "Content-Type": "text/event-stream" } });

function answerAnthropic(model: string, tool: string | undefined): Response {
  const event = (type: string, more: object = {}): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const usage = { input_tokens: 1, output_tokens: 1 };
  const role = { type: "message", role: "assistant", model, content: [], usage };
  const [content_block, delta, stop_reason] =
    tool === undefined
      ? [{ type: "text", text: "" }, { type: "text_delta", text: "Done." }, "end_turn"]
      : [
          { type: "tool_use", id: `toolu_${crypto.randomUUID()}`, name: tool, input: {} },
          { type: "input_json_delta", partial_json: "{}" },
          "tool_use",
        ];
  return streamed(
    [
      event("message_start", { message: { ...role, id: "msg_1", stop_reason: null } }),
      event("content_block_start", { index: 0, content_block }),
      event("content_block_delta", { index: 0, delta }),
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: { stop_reason }, usage }),
      event("message_stop"),
    ].join(""),
  );
}

function answerGoogle(tool: string | undefined): Response {
  const part = tool === undefined ? { text: "Done." } : { functionCall: { name: tool, args: {} } };
  const content = { role: "model", parts: [part] };
  const answer = { candidates: [{ index: 0, content, finishReason: "STOP" }] };
  return streamed(`data: ${JSON.stringify(answer)}\r\n\r\n`);
}

export function startAgentModel(): AgentModel {
  let turns: Turn[] = [];
  let wanted: string | undefined;
  const model: Pick<AgentModel, "asked"> = { asked: { tools: [], results: [] } };
  const next = async (asked: Asked): Promise<string | undefined> => {
    // Agents also have a title written, and such.
    if (asked.tools.length === 0) return undefined;
    const results = asked.results.filter((result) => !result.includes(UNAVAILABLE));
    model.asked = { ...asked, results };
    const repeats = asked.results.length - results.length;
    const isRefused = asked.results.at(-1)?.includes(UNAVAILABLE) === true;
    if (isRefused && repeats <= REPEATS_MAX) return wanted;
    wanted = await turns[results.length]?.();
    return wanted;
  };
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0 },
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/v1/messages") {
        const body = AnthropicBody.parse(await request.json());
        return answerAnthropic(body.model, await next(readAnthropic(body)));
      }
      if (pathname.endsWith(":streamGenerateContent")) {
        const body = GoogleBody.parse(await request.json());
        return answerGoogle(await next(readGoogle(body)));
      }
      return new Response("", { status: 404 });
    },
  });
  return Object.assign(model, {
    url: `http://127.0.0.1:${server.port}`,
    plan: (...planned: Turn[]) => {
      turns = planned;
    },
    stop: () => server.stop(true),
  });
}
