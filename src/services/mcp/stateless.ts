/** A request of a revision before 2026-07-28 without a session: answered in JSON by a server made for it alone. */
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import type { Asked } from "./asked.ts";
import { makeServer } from "./mcp-server.ts";
import { type Common, noAnswer } from "./serving.ts";

/** Nobody is there to be asked or told anything on the way. */
const NO_ABILITIES = { asks: [], progress: false, log_level: null };

/** Answers one message (or batch); resolves early, and stops the tool, when the client goes. */
export async function answerStateless(
  common: Common,
  { request, asked, message }: { request: Request; asked: Asked; message: unknown },
): Promise<Response> {
  const server = makeServer(
    {
      ...common,
      era: "legacy",
      session: undefined,
      askedOf: () => asked,
      begunFor: () => undefined,
      abilitiesOf: () => NO_ABILITIES,
    },
    asked,
    methodOf(message),
  );
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  const gone = Promise.withResolvers<Response>();
  const onGone = (): void => {
    // Ends the signal that the tool call was given.
    void server.close();
    gone.resolve(noAnswer());
  };
  request.signal.addEventListener("abort", onGone, { once: true });
  // It may have gone while its message was read.
  if (request.signal.aborted) onGone();
  const answer = transport.handleRequest(request, { parsedBody: message });
  return Promise.race([answer, gone.promise]);
}

/** Of a single message; a batch may need every handler. */
function methodOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  return "method" in message && typeof message.method === "string" ? message.method : "";
}
