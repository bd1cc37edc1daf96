/** Questions of an MCP server, each passed on to the client of the call that it belongs to. */
import { AsyncLocalStorage } from "node:async_hooks";
import { isJSONRPCRequest, isJSONRPCResponse, type Transport } from "@modelcontextprotocol/client";
import { z } from "zod";
import { InputSchema } from "../../contract/tool.ts";
import type { ToolContext } from "../../extensions/context.ts";
import type { Logger } from "../../lib/log.ts";

const Form = z.looseObject({ message: z.string(), requestedSchema: InputSchema });
const FormContent = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]),
);
/** A page that the person is sent to; nothing but a page. */
const Page = z.looseObject({
  mode: z.literal("url"),
  message: z.string(),
  url: z.url({ protocol: /^https?$/ }),
});
export type Page = Pick<z.infer<typeof Page>, "message" | "url">;

export class UpstreamQuestions {
  readonly #server: string;
  readonly #log: Logger;
  readonly #running = new Set<ToolContext>();
  /** Whose exchange it is that a message comes in. */
  readonly #own = new AsyncLocalStorage<ToolContext | undefined>();
  /** Whose requests are under way, by their ids. */
  readonly #asking = new Map<unknown, ToolContext>();

  constructor(server: string, log: Logger) {
    this.#server = server;
    this.#log = log;
  }

  /** Makes a call: what comes in the exchange that `work` begins is of this call. */
  async during<Answer>(context: ToolContext, work: () => Promise<Answer>): Promise<Answer> {
    this.#running.add(context);
    try {
      return await this.#own.run(context, work);
    } finally {
      this.#running.delete(context);
      for (const [id, one] of this.#asking) if (one === context) this.#asking.delete(id);
    }
  }

  /**
   * On a connected transport: the answer to a request is of the call that sent it, also where all answers come in one
   * stream, as from a program. Since 2026-07-28 questions are answers.
   */
  follow(transport: Transport): void {
    const { onmessage: take } = transport;
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      const own = this.#own.getStore();
      if (own !== undefined && isJSONRPCRequest(message)) this.#asking.set(message.id, own);
      return send(message, options);
    };
    transport.onmessage = (message, extra) => {
      const id = isJSONRPCResponse(message) ? message.id : undefined;
      const own = this.#asking.get(id) ?? this.#own.getStore();
      this.#asking.delete(id);
      this.#own.run(own, () => take?.(message, extra));
    };
  }

  /** Begins what all calls share, such as the connection. */
  apart<Begun>(work: () => Begun): Begun {
    return this.#own.run(undefined, work);
  }

  /**
   * The answer of the call's client to `elicitation/create`; "cancel" for what nobody can be asked.
   * @throws CannotAskError when this client cannot be asked
   */
  async ask(params: unknown) {
    const context = this.#whose();
    const page = Page.safeParse(params).data;
    if (context !== undefined && page !== undefined) {
      return { action: await this.#goTo(page, context) };
    }
    const form = Form.safeParse(params).data;
    if (context !== undefined && form !== undefined) return this.#fillIn(form, context);
    const why =
      context === undefined
        ? "several calls are under way, or none, and it does not say which one asks"
        : "it is neither a form nor a page";
    this.#log.warn("A question of an MCP server was asked of nobody", {
      ...{ server: this.#server, why },
    });
    return { action: "cancel" as const };
  }

  /** Sends the person to all of `pages`, one after another. @returns whether they agreed to */
  async sendTo(pages: readonly Page[], context: ToolContext): Promise<boolean> {
    for (const page of pages) {
      if (!Page.safeParse({ mode: "url", ...page }).success) return false;
      if ((await this.#goTo(page, context)) !== "accept") return false;
    }
    return pages.length > 0;
  }

  /** Of what comes outside of every exchange (a program's output, a stream for all), it can only be guessed. */
  #whose(): ToolContext | undefined {
    const own = this.#own.getStore();
    if (own !== undefined && this.#running.has(own)) return own;
    const [only, ...others] = this.#running;
    return others.length === 0 ? only : undefined;
  }

  async #goTo({ message, url }: Page, context: ToolContext) {
    return (await context.elicit_url({ message, url })).action;
  }

  async #fillIn(form: z.infer<typeof Form>, context: ToolContext) {
    const { message, requestedSchema: schema } = form;
    const answer = await context.elicit({ message, schema });
    if (answer.action !== "accept") return { action: answer.action };
    return { action: "accept" as const, content: FormContent.parse(answer.content) };
  }
}
