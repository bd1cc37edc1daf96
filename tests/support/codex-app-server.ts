/** Codex CLI as an editor runs it: `codex app-server`, asked in JSON-RPC, a message a line. */
import { z } from "zod";
import type { ClientHome } from "./client-home.ts";
import { until } from "./until.ts";

const ANSWER_TIMEOUT_MS = 30_000;

const Message = z.looseObject({
  id: z.union([z.number(), z.string()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ message: z.string() }).optional(),
});
type Message = z.infer<typeof Message>;

export interface CodexAppServer {
  /** @throws Error with what Codex says is wrong */
  ask<Result>(method: string, params: object, result: z.ZodType<Result>): Promise<Result>;
  /** The parameters of the first notification of that method, once it is there. */
  notified(method: string): Promise<unknown>;
  end(): Promise<void>;
}

export async function startCodexAppServer(
  program: string,
  client: ClientHome,
  environment: Record<string, string>,
): Promise<CodexAppServer> {
  const child = Bun.spawn([program, "app-server"], {
    ...{ cwd: client.path, env: { ...client.environment, ...environment } },
    ...{ stdin: "pipe", stdout: "pipe", stderr: "ignore" },
  });
  const heard: Message[] = [];
  const hear = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) heard.push(Message.parse(JSON.parse(line)));
    }
  };
  void hear();
  const say = async (message: object): Promise<void> => {
    child.stdin.write(`${JSON.stringify(message)}\n`);
    await child.stdin.flush();
  };
  let asked = 0;
  const ask: CodexAppServer["ask"] = async (method, params, result) => {
    asked += 1;
    const id = asked;
    await say({ id, method, params });
    const answer = await until(
      () => heard.find((message) => message.id === id && message.method === undefined),
      { timeoutMs: ANSWER_TIMEOUT_MS, what: `Codex to answer ${method}` },
    );
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return result.parse(answer.result);
  };
  const clientInfo = { name: "luna_test", title: null, version: "1" };
  await ask("initialize", { clientInfo, capabilities: null }, z.unknown());
  await say({ method: "initialized" });
  return {
    ask,
    notified: async (method) =>
      (
        await until(() => heard.find((message) => message.method === method), {
          timeoutMs: ANSWER_TIMEOUT_MS,
          what: `Codex to tell of ${method}`,
        })
      ).params,
    end: async () => {
      child.kill();
      await child.exited;
    },
  };
}
