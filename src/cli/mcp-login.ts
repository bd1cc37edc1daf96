/** `luna mcp login`: signs Luna in at an MCP server that an extension names, with the owner's browser. */

import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { upstreamKey } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import { runningSupervisor } from "../config/running.ts";
import { VERSION } from "../config/version.ts";
import { isRemote, type RemoteUpstream } from "../contract/upstream.ts";
import { readManifest } from "../extensions/manifest.ts";
import { secretsFor } from "../extensions/secrets.ts";
import { upstreamFetch } from "../extensions/upstream-fetch.ts";
import { type SignInOptions, signInProvider } from "../extensions/upstream-sign-in.ts";
import { UpstreamStore } from "../extensions/upstream-store.ts";
import { InvalidInputError, messageOf, UnavailableError, UpstreamError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { readExtensionName } from "./ext/extension-name.ts";
import { reload, reloadText } from "./ext/reload.ts";
import { MCP_USAGE } from "./usage.ts";

const ANSWER_TIMEOUT_MS = 10 * 60_000;
const CALLBACK = "/callback";
const PAGE = "<!doctype html><title>Luna</title><p>Luna is signed in; you can close this page.";

/** The server of that name, or the only one that wants a sign-in. */
function chosen(
  servers: Readonly<Record<string, unknown>>,
  wanted: string | undefined,
  extension: string,
): string {
  const names = Object.keys(servers);
  const [only] = names;
  if (wanted === undefined && only !== undefined && names.length === 1) return only;
  if (wanted !== undefined && names.includes(wanted)) return wanted;
  throw new InvalidInputError(
    names.length === 0
      ? `Cannot sign in for "${extension}": none of its mcp_servers says "oauth": true`
      : `Cannot sign in for "${extension}": say at which server: ${names.join(", ")}`,
  );
}

/** What the browser brings, by itself or by hand of a person whose browser is on another machine. */
function listen() {
  const answered = Promise.withResolvers<URLSearchParams>();
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      if (pathname !== CALLBACK) return new Response("Not found", { status: 404 });
      answered.resolve(searchParams);
      return new Response(PAGE, { headers: { "Content-Type": "text/html" } });
    },
  });
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (URL.canParse(line.trim())) answered.resolve(new URL(line.trim()).searchParams);
  });
  const timer = setTimeout(
    () => answered.reject(new UnavailableError("Cannot sign in: nobody allowed it in time")),
    ANSWER_TIMEOUT_MS,
  );
  const stop = async (): Promise<void> => {
    clearTimeout(timer);
    lines.close();
    await server.stop(true);
  };
  const redirectUrl = `http://127.0.0.1:${server.port}${CALLBACK}`;
  return { redirectUrl, answer: answered.promise, stop };
}

async function signIn(
  upstream: RemoteUpstream,
  { store, server, variables }: Pick<SignInOptions, "store" | "server" | "variables">,
): Promise<void> {
  const { url } = upstream;
  // Nothing of an earlier sign-in: it may be what does not work any more.
  await store.update({ server, url }, { client: undefined, tokens: undefined });
  const listener = listen();
  try {
    let isAsked = false;
    const { provider, state } = await signInProvider({
      ...{ store, server, upstream, variables, redirectUrl: listener.redirectUrl },
      onAuthorize: (address) => {
        isAsked = true;
        process.stdout.write(
          `Open this in your browser, and allow it:\n  ${address.href}\nIs the browser on another machine, paste here the address at which it ends.\n`,
        );
      },
    });
    const transport = () =>
      new StreamableHTTPClientTransport(new URL(url), {
        ...{ authProvider: provider, fetch: upstreamFetch({ url }) },
      });
    const connect = () =>
      new Client({ name: "Luna", version: VERSION }, { versionNegotiation: { mode: "auto" } });
    const first = connect();
    try {
      await first.connect(transport());
      await first.close();
      return; // It wants none.
    } catch (error) {
      if (!isAsked) {
        throw new UpstreamError(`Cannot sign in at "${url}": ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    const answer = await listener.answer;
    if (answer.get("state") !== state) {
      throw new InvalidInputError("Cannot sign in: the answer is not to what was asked; try again");
    }
    await transport().finishAuth(answer);
  } finally {
    await listener.stop();
  }
}

export async function mcpLogin(environment: Environment, args: string[]): Promise<number> {
  const { positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.login, options: {}, words: { min: 1, max: 2 } },
  });
  const extension = readExtensionName(positionals[0] ?? "");
  const paths = pathsOf(environment.home);
  const manifest = await readManifest(join(paths.extensions, extension));
  const servers: Record<string, RemoteUpstream> = {};
  for (const [name, upstream] of Object.entries(manifest.mcp_servers)) {
    if (isRemote(upstream) && upstream.oauth !== false) servers[name] = upstream;
  }
  const server = chosen(servers, positionals[1], extension);
  const envFile = new EnvFile(paths.env);
  const key = await upstreamKey(envFile, extension);
  const store = new UpstreamStore({ path: paths.upstreamTokens(extension), key });
  const upstream = servers[server];
  // As its tool host has them: what the manifest asks for, and nothing of Luna's own.
  const variables = secretsFor(manifest, await envFile.read());
  if (upstream !== undefined) await signIn(upstream, { store, server, variables });
  process.stdout.write(`Luna is signed in at "${server}".\n`);
  if (runningSupervisor(paths.state) === undefined) return 0;
  const reloaded = await reload(await Control.of(environment), extension, {});
  process.stdout.write(`${reloadText(reloaded)}\n`);
  return 0;
}
