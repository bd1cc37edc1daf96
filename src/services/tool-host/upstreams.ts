/** The MCP servers of an extension: what they offered last counts until they say otherwise. */
import { join } from "node:path";
import type { Environment } from "../../config/environment.ts";
import type { Paths } from "../../config/paths.ts";
import type { Manifest } from "../../contract/extension.ts";
import { type ToolDescription, ToolsFile } from "../../contract/tool.ts";
import { isRemote } from "../../contract/upstream.ts";
import { signInProvider } from "../../extensions/upstream-sign-in.ts";
import { UpstreamStore } from "../../extensions/upstream-store.ts";
import type { UpstreamList, UpstreamServers } from "../../extensions/upstream-tools.ts";
import { upstreamToolName } from "../../extensions/upstream-tools.ts";
import { messageOf } from "../../lib/errors.ts";
import { readJsonIfThere, writeJsonAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { UPSTREAM_KEY } from "../../tools/host-mode.ts";
import type { UpstreamServer } from "./upstream.ts";

/** Nobody's browser comes to a tool host. */
const NO_BROWSER = "http://127.0.0.1/callback";

interface UpstreamsContext {
  environment: Environment;
  paths: Paths;
  extension: string;
  manifest: Pick<Manifest, "mcp_servers">;
  /** Whether they are asked at once; otherwise with the first call, as they may not answer. */
  isFresh: boolean;
  log: Logger;
}

interface UpstreamsOptions {
  servers: ReadonlyMap<string, UpstreamServer>;
  /** `.luna/tools/<extension>.json`. */
  file: string;
  isFresh: boolean;
  log: Logger;
}

export class Upstreams implements UpstreamServers {
  readonly #options: UpstreamsOptions;
  #onOther: (() => void) | undefined;

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  async load(): Promise<readonly UpstreamList[]> {
    const { servers, isFresh } = this.#options;
    const known = await this.#known();
    return Promise.all(
      [...servers].map(async ([name, server]): Promise<UpstreamList> => {
        const before = known.filter((tool) => isOf(name, tool));
        const listOf = (tools: readonly ToolDescription[]): UpstreamList => ({
          server: name,
          tools: tools.map((description) => ({
            description,
            run: (args, context) => server.call(description.name, args, context),
          })),
        });
        if (!isFresh && before.length > 0) return listOf(before);
        try {
          return listOf(await server.list());
        } catch (error) {
          return { ...listOf(before), problem: messageOf(error) };
        }
      }),
    );
  }

  /** From now on, other tools of a server are written down, and told by `onOther`. */
  begin(onOther: () => void): void {
    this.#onOther = onOther;
  }

  /** Called when a server says that it has other tools. */
  async renew(name: string): Promise<void> {
    const { servers, file, log } = this.#options;
    if (this.#onOther === undefined) return;
    try {
      const tools = (await servers.get(name)?.list()) ?? [];
      const described = await readJsonIfThere(file, ToolsFile);
      if (described === undefined) return;
      const before = described.tools.filter((tool) => isOf(name, tool));
      if (Bun.deepEquals(before, tools)) return;
      const others = described.tools.filter((tool) => !isOf(name, tool));
      await writeJsonAtomic(file, { ...described, tools: [...others, ...tools] });
      this.#onOther();
    } catch (error) {
      log.warn("Cannot ask an MCP server for its tools", { server: name, why: messageOf(error) });
    }
  }

  async #known(): Promise<readonly ToolDescription[]> {
    try {
      return (await readJsonIfThere(this.#options.file, ToolsFile))?.tools ?? [];
    } catch {
      return []; // It is made anew.
    }
  }
}

function isOf(server: string, { name }: ToolDescription): boolean {
  return name.startsWith(upstreamToolName(server, ""));
}

/** Nothing is connected before it is needed; whatever is ends with this process. */
export async function openUpstreams(context: UpstreamsContext): Promise<Upstreams> {
  const { environment, paths, extension, manifest, isFresh, log } = context;
  // Only who has upstreams loads the client.
  const { UpstreamServer } = await import("./upstream.ts");
  const servers = new Map<string, UpstreamServer>();
  const upstreams = new Upstreams({ servers, file: paths.toolsFile(extension), isFresh, log });
  const key = environment.variables[UPSTREAM_KEY] ?? "";
  const store = new UpstreamStore({ path: paths.upstreamTokens(extension), key });
  for (const [name, upstream] of Object.entries(manifest.mcp_servers)) {
    const wants = isRemote(upstream) && upstream.oauth !== false ? upstream : undefined;
    const signedIn =
      wants &&
      (await signInProvider({
        ...{ store, server: name, upstream: wants, redirectUrl: NO_BROWSER },
        variables: environment.variables,
        onAuthorize: () => {
          throw new Error(
            `Luna is not signed in there for this: luna mcp login ${extension} ${name}`,
          );
        },
      }));
    const server = new UpstreamServer({
      ...{ name, upstream, variables: environment.variables, log },
      provider: signedIn?.provider,
      // Many programs read a .env where they stand: not Luna's.
      cwd: join(paths.extensions, extension),
      onToolsChanged: () => void upstreams.renew(name),
    });
    servers.set(name, server);
  }
  return upstreams;
}
