/** One MCP server whose tools an extension offers: connected when it is needed, and again after it was lost. */
import {
  Client,
  type OAuthClientProvider,
  SdkHttpError,
  StreamableHTTPClientTransport,
  type Tool,
  type Transport,
  UrlElicitationRequiredError,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { z } from "zod";
import { VERSION } from "../../config/version.ts";
import { ContentBlock } from "../../contract/content.ts";
import { InputSchema, ToolAnnotations, type ToolDescription } from "../../contract/tool.ts";
import {
  isRemote,
  type RemoteUpstream,
  type StdioUpstream,
  type Upstream,
} from "../../contract/upstream.ts";
import { ContentAnswer } from "../../extensions/answer.ts";
import type { ToolContext } from "../../extensions/context.ts";
import { upstreamFetch } from "../../extensions/upstream-fetch.ts";
import { upstreamToolName } from "../../extensions/upstream-tools.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { UpstreamQuestions } from "./upstream-questions.ts";

/** For connecting, and for each page of a list of tools; a server may say more. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The host's own limit ends a call; this only has to be longer than any. */
const CALL_TIMEOUT_MS = 24 * 3_600_000;
const PAGES_MAX = 100;
const TOOLS_MAX = 2_000;
/** After the first failure, and at most. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 30_000;
/** Part of the wait that chance may take away, so that not all who lost a server come back at once. */
const JITTER = 0.5;

const Structured = z.record(z.string(), z.unknown()).optional();
const Called = z.looseObject({
  content: z.array(ContentBlock).default([]),
  structuredContent: Structured,
  isError: z.boolean().default(false),
});

interface UpstreamOptions {
  name: string;
  upstream: Upstream;
  /** Of the tool host: what the manifest asks for, and what programs need. */
  variables: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Where it is signed in, for one that wants that. */
  provider: OAuthClientProvider | undefined;
  log: Logger;
  /** The server says that it has other tools now. */
  onToolsChanged(): void;
}

/** 404 by the specification (MCP 2025-11-25, Transports); 400 by the SDKs' own examples, in these words. */
function saysForgotten(error: unknown): boolean {
  if (!(error instanceof SdkHttpError)) return false;
  const isInWords = /session|not initialized/i.test(error.message);
  return error.status === 404 || (error.status === 400 && isInWords);
}

/** What every program of Luna's gets, without anybody's secrets. */
const PLAIN = ["PATH", "HOME", "LUNA_HOME", "LUNA_PROCESS_ID", "TIME_ZONE", "LANG", "TMPDIR"];

export class UpstreamServer {
  readonly #options: UpstreamOptions;
  #connected: Promise<Client> | undefined;
  #failures = 0;
  /** Before that, nobody tries again. */
  #notBefore = 0;
  #lastFailure = "";
  readonly #questions: UpstreamQuestions;
  /** What it calls the tools that Luna offers by the names of these. */
  readonly #ownNames = new Map<string, string>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#questions = new UpstreamQuestions(options.name, options.log);
  }

  get #connectTimeoutMs(): number {
    return this.#options.upstream.connect_timeout_ms ?? CONNECT_TIMEOUT_MS;
  }

  /** What it has now. */
  async list(): Promise<ToolDescription[]> {
    const client = await this.#client();
    const found: Tool[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const { tools, nextCursor } = await client.listTools(cursor === undefined ? {} : { cursor }, {
        timeout: this.#connectTimeoutMs,
      });
      found.push(...tools);
      cursor = nextCursor;
      pages += 1;
    } while (cursor !== undefined && pages < PAGES_MAX && found.length < TOOLS_MAX);
    if (cursor !== undefined || found.length > TOOLS_MAX) {
      this.#options.log.warn("An MCP server has more tools than Luna takes; the rest is left out", {
        ...{ server: this.#options.name, taken: Math.min(found.length, TOOLS_MAX) },
      });
    }
    const described = found.slice(0, TOOLS_MAX).map((tool) => this.#describe(tool));
    this.#ownNames.clear();
    for (const [index, { name }] of described.entries()) {
      this.#ownNames.set(name, found[index]?.name ?? "");
    }
    return described;
  }

  /** Calls the tool that Luna offers as `offered`; what it answers passes through as it is. */
  async call(
    offered: string,
    args: Record<string, unknown>,
    context: ToolContext,
  ): Promise<unknown> {
    const call = (): Promise<unknown> => this.#callOnce(offered, args, context);
    try {
      return await call();
    } catch (error) {
      if (error instanceof UrlElicitationRequiredError) {
        return this.#afterPages(error.elicitations, context, call);
      }
      // It was started again, and did not take the call: it does not know the session any more.
      if (!(await this.#hasSession()) || !saysForgotten(error)) throw error;
      await this.close();
      return call();
    }
  }

  /** The call was not made: its server wants the person to have been somewhere first. */
  async #afterPages(
    pages: UrlElicitationRequiredError["elicitations"],
    context: ToolContext,
    call: () => Promise<unknown>,
  ): Promise<unknown> {
    const addresses = pages.map(({ url }) => url).join(" ");
    const wanted = new Error(
      `the MCP server "${this.#options.name}" wants this opened in a browser first: ${addresses}`,
    );
    if (!context.can("elicitation_url")) throw wanted;
    if (!(await this.#questions.sendTo(pages, context))) throw wanted;
    return call().catch((error: unknown) => {
      throw error instanceof UrlElicitationRequiredError ? wanted : error;
    });
  }

  async #hasSession(): Promise<boolean> {
    const client = await this.#connected?.catch(() => undefined); // It never was.
    return client?.transport?.sessionId !== undefined;
  }

  async #callOnce(
    offered: string,
    args: Record<string, unknown>,
    context: ToolContext,
  ): Promise<unknown> {
    const client = await this.#client();
    if (!this.#ownNames.has(offered)) await this.list();
    const name = this.#ownNames.get(offered);
    if (name === undefined) {
      this.#options.onToolsChanged();
      throw new Error(`the MCP server "${this.#options.name}" does not have this tool any more`);
    }
    const answered = await this.#questions.during(context, () =>
      client.callTool(
        { name, arguments: args },
        {
          ...{ signal: context.signal, timeout: CALL_TIMEOUT_MS },
          onprogress: ({ progress, total, message }) =>
            context.progress(progress, {
              ...(total === undefined ? {} : { total }),
              ...(message === undefined ? {} : { message }),
            }),
        },
      ),
    );
    const { content, structuredContent, isError } = Called.parse(answered);
    return [!isError, new ContentAnswer(content, structuredContent)];
  }

  async close(): Promise<void> {
    const client = await this.#connected?.catch(() => undefined); // It never was.
    this.#connected = undefined;
    await client?.close();
  }

  #describe({ name, title, description, inputSchema, outputSchema, annotations }: Tool) {
    const { upstream } = this.#options;
    const output = InputSchema.safeParse(outputSchema).data;
    return {
      name: upstreamToolName(this.#options.name, name),
      ...(title === undefined ? {} : { title }),
      description: description ?? "",
      input_schema: InputSchema.parse(inputSchema),
      ...(output === undefined ? {} : { output_schema: output }),
      ...(annotations === undefined ? {} : { annotations: ToolAnnotations.parse(annotations) }),
      ...(upstream.timeout_ms === undefined ? {} : { timeout_ms: upstream.timeout_ms }),
    } satisfies ToolDescription;
  }

  /** The connection there is, or a new one; after failures not at once. */
  #client(): Promise<Client> {
    if (this.#connected !== undefined) return this.#connected;
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      return Promise.reject(
        new Error(
          `the MCP server "${this.#options.name}" cannot be reached: ${this.#lastFailure}; it is tried again in ${seconds} s`,
        ),
      );
    }
    const connecting: Promise<Client> = this.#questions.apart(() =>
      this.#connect(() => {
        if (this.#connected === connecting) this.#connected = undefined;
      }),
    );
    this.#connected = connecting;
    connecting.catch((error: unknown) => this.#failed(connecting, messageOf(error)));
    return connecting;
  }

  #failed(connection: Promise<Client>, why: string): void {
    if (this.#connected === connection) this.#connected = undefined;
    this.#lastFailure = why;
    const full = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures);
    const delayMs = full * (1 - JITTER * Math.random());
    this.#failures += 1;
    this.#notBefore = performance.now() + delayMs;
    this.#options.log.warn("An MCP server cannot be reached", { server: this.#options.name, why });
  }

  async #connect(onEnd: () => void): Promise<Client> {
    const { name, log, onToolsChanged } = this.#options;
    const client = new Client(
      { name: "Luna", version: VERSION },
      {
        capabilities: { elicitation: { form: {}, url: {} } },
        versionNegotiation: { mode: "auto" },
        listChanged: { tools: { autoRefresh: false, onChanged: () => onToolsChanged() } },
      },
    );
    client.setRequestHandler("elicitation/create", ({ params }) => this.#questions.ask(params));
    client.onclose = () => {
      log.info("The connection to an MCP server has ended", { server: name });
      onEnd();
    };
    try {
      const transport = this.#transport();
      await client.connect(transport, { timeout: this.#connectTimeoutMs });
      this.#questions.follow(transport);
    } catch (error) {
      await client.close().catch(() => undefined); // What did not begin need not end well.
      throw new Error(`the MCP server "${name}" cannot be reached: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#failures = 0;
    return client;
  }

  #transport(): Transport {
    const { upstream } = this.#options;
    return isRemote(upstream) ? this.#remote(upstream) : this.#program(upstream);
  }

  #secret(key: string): string {
    const value = this.#options.variables[key] ?? "";
    if (value === "") {
      throw new Error(`its secret ${key} is not set: set it, and name it in required_secrets`);
    }
    return value;
  }

  #remote({ url, headers }: RemoteUpstream): Transport {
    const own = Object.entries(headers).map(([name, value]) => {
      const text = typeof value === "string" ? value : value.prefix + this.#secret(value.secret);
      return [name, text] as const;
    });
    const { provider } = this.#options;
    return new StreamableHTTPClientTransport(new URL(url), {
      ...(provider === undefined ? {} : { authProvider: provider }),
      fetch: upstreamFetch({ url, headers: Object.fromEntries(own) }),
    });
  }

  #program({ command, args, env, secrets }: StdioUpstream): Transport {
    const { cwd, variables } = this.#options;
    const plain = PLAIN.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const own = secrets.map((key) => [key, this.#secret(key)] as const);
    return new StdioClientTransport({
      ...{ command, args, cwd, stderr: "inherit" },
      env: { ...Object.fromEntries(plain), ...env, ...Object.fromEntries(own) },
    });
  }
}
