/** Runs an extension's tool host in a temporary home, so that its examples can be tried and leave nothing. */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EnvFile } from "../../config/env-file.ts";
import { baseEnvironment, type Environment, selfCommand } from "../../config/environment.ts";
import { MARK_VARIABLE, processMark } from "../../config/mark.ts";
import { type Paths, pathsOf } from "../../config/paths.ts";
import { ToolHostSettings } from "../../contract/config.ts";
import { type ToolDescription, ToolResult, ToolsFile } from "../../contract/tool.ts";
import { readManifest } from "../../extensions/manifest.ts";
import { secretNames, secretsFor } from "../../extensions/secrets.ts";
import { UnavailableError } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import { sendSignal } from "../../lib/proc.ts";
import { HostConnections } from "../../tools/host-connection.ts";
import { exchange } from "../../tools/host-exchange.ts";
import { currentHostSocket, type HostSocket } from "../../tools/host-socket.ts";
import { answerBytesMax, callTimeoutMs, failure } from "../../tools/limits.ts";

/** What is large and only read is there by a link. */
const LINKED = ["node_modules", ".venv"];
/** What earlier runs left, and what no run needs. */
const LEFT_OUT = new Set(["data", ".git", "__pycache__", ...LINKED]);
const START_TIMEOUT_MS = 30_000;
const STARTS_MAX = 2;
const POLL_MS = 5;
const GRACE_MS = 1_000;
const LOG_LINES = 5;

export class Trial {
  readonly name: string;
  readonly #paths: Paths;
  readonly #home: string;
  readonly #variables: Record<string, string>;
  readonly #connections = new HostConnections();
  #host: Bun.Subprocess | undefined;

  private constructor(options: { name: string; home: string; variables: Record<string, string> }) {
    this.name = options.name;
    this.#home = options.home;
    this.#paths = pathsOf(options.home);
    this.#variables = options.variables;
  }

  /** Copies the extension in `folder`, and gives it the secrets that it asks for and that are set. */
  static async of(
    environment: Environment,
    { name, folder }: { name: string; folder: string },
  ): Promise<Trial> {
    const home = await mkdtemp(join(tmpdir(), "luna-check-"));
    const target = join(pathsOf(home).extensions, name);
    await mkdir(target, { recursive: true });
    for (const entry of await readdir(folder)) {
      const from = join(folder, entry);
      if (LINKED.includes(entry)) await symlink(from, join(target, entry));
      if (LEFT_OUT.has(entry)) continue;
      await cp(from, join(target, entry), { recursive: true });
    }
    const manifest = await readManifest(folder);
    const file = await new EnvFile(pathsOf(environment.home).env).read();
    const values = Object.fromEntries(secretNames(manifest).map((key) => [key, file[key]]));
    const variables = {
      ...baseEnvironment({ ...environment, home }),
      ...secretsFor(manifest, values),
      LUNA_EXTENSION: name,
      // Of the home that it is checked for: what should be left is found with that one's.
      [MARK_VARIABLE]: processMark(environment.home, `check-${name}`),
    };
    return new Trial({ name, home, variables });
  }

  /** @throws UnavailableError with the last lines that it wrote */
  async describe(): Promise<ToolsFile> {
    const child = this.#spawn(["--describe"]);
    const stderr = new Response(child.stderr).text();
    const late = setTimeout(() => sendSignal(-child.pid, "SIGKILL"), START_TIMEOUT_MS);
    const code = await child.exited;
    clearTimeout(late);
    sendSignal(-child.pid, "SIGKILL");
    const described = await readJsonIfThere(this.#paths.toolsFile(this.name), ToolsFile);
    if (code === 0 && described !== undefined) return described;
    const lines = (await stderr).trim().split("\n").slice(-LOG_LINES).join("\n");
    throw new UnavailableError(`Cannot load the tools: ended with exit code ${code}\n${lines}`);
  }

  /** Calls a tool, as Luna would. */
  async call(tool: ToolDescription, args: Record<string, unknown>): Promise<ToolResult> {
    const settings = ToolHostSettings.parse({});
    const subject = { kind: "tool", name: tool.name } as const;
    const timeoutMs = callTimeoutMs(tool, settings) + GRACE_MS;
    const outcome = await exchange(this.#connections, await this.ready(), {
      ...{ word: "call", body: { name: tool.name, arguments: args } },
      ...{ timeoutMs, answerBytesMax: answerBytesMax(settings) },
    });
    if (outcome.kind !== "answer")
      return failure(subject, `its host gave no answer (${outcome.kind})`);
    const result = ToolResult.safeParse(outcome.end);
    return result.success ? result.data : failure(subject, "it asks its client something");
  }

  /** Ends the host and all that it started, and removes the home. */
  async end(): Promise<void> {
    const host = this.#host;
    if (host !== undefined) {
      sendSignal(-host.pid, "SIGTERM");
      await Promise.race([host.exited, Bun.sleep(GRACE_MS)]);
      sendSignal(-host.pid, "SIGKILL");
      await host.exited;
    }
    await rm(this.#home, { recursive: true, force: true });
  }

  #spawn(more: readonly string[]) {
    return Bun.spawn([...selfCommand(), "tool-host", this.name, ...more], {
      cwd: this.#home,
      env: this.#variables,
      ...{ stdin: "ignore", stdout: "ignore", stderr: "pipe", detached: true },
    });
  }

  /** Where the host listens. One that ended, as an example broke it, is started again for the next one. */
  async ready(): Promise<HostSocket> {
    const link = this.#paths.toolHostSocket(this.name);
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (let starts = 0; Date.now() < deadline; ) {
      if (this.#host === undefined || this.#host.exitCode !== null) {
        if (starts === STARTS_MAX) break;
        this.#host = this.#spawn([]);
        starts += 1;
      }
      const socket = currentHostSocket(link);
      if (socket?.pid === this.#host.pid && existsSync(socket.path)) return socket;
      await Bun.sleep(POLL_MS);
    }
    throw new UnavailableError("Cannot run the examples: the tool host does not start");
  }
}
