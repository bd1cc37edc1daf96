/** Runs the compiled Luna in a home of its own with shifted ports, and ends every process of it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Credentials, readCredentials } from "../../src/config/credentials.ts";
import { EnvFile } from "../../src/config/env-file.ts";
import { isOfHome } from "../../src/config/mark.ts";
import { type Paths, pathsOf } from "../../src/config/paths.ts";
import { type Ports, portsWith } from "../../src/config/ports.ts";
import { StateFile } from "../../src/contract/process.ts";
import { readJsonIfThere } from "../../src/lib/files.ts";
import { findByVariable, holderOfPort, type ProcessStat, sendSignal } from "../../src/lib/proc.ts";
import { endGroupsOf } from "../../src/supervisor/limits.ts";
import { DOCUMENT } from "./auth-harness.ts";
import { until } from "./until.ts";

export const BINARY: string = resolve(import.meta.dir, "../../dist/luna");

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const OFFSET_MIN = 10_000;
/** Above 32,767 Linux takes ports for outgoing connections. */
const OFFSET_RANGE = 12_700;
const LINK = /https?:\/\/\S+\/login#t=\S+/;

/** An offset at which none of Luna's ports is taken now. */
export function freeOffset(): number {
  for (;;) {
    const offset = OFFSET_MIN + Math.floor(Math.random() * OFFSET_RANGE);
    const ports = Object.values(portsWith(offset));
    if (ports.every((port) => holderOfPort(port) === undefined)) return offset;
  }
}

export interface Luna {
  home: string;
  paths: Paths;
  ports: Ports;
  /** The public address, without a final slash. */
  url: string;
  pid: number;
  credentials: Credentials;
  /** The environment for running other commands of this Luna. */
  environment: Record<string, string>;
  /** The sign-in link that `luna up` printed. */
  link: string;
  /** What `luna up` printed so far. */
  output(): string;
  /** Runs another command of this home's Luna. */
  run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Calls the control API on its own port, with its token. */
  control(path: string, init?: RequestInit): Promise<Response>;
  /** The session cookie of the owner, from a new sign-in link. */
  signIn(): Promise<string>;
  /** The page token of that session, out of the Hub's document; what changes something through the edge needs it. */
  pageToken(cookie: string): Promise<string>;
  state(): Promise<StateFile>;
  /** The pid of a part, once it runs. */
  pidOf(name: string): Promise<number>;
  /** Every living process of this home but `luna up` itself. */
  processes(): ProcessStat[];
  exited: Promise<number>;
  /** SIGTERM, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number>;
  /** Ends whatever is left and removes the home. */
  remove(): Promise<void>;
}

interface StartOptions {
  /** Added to the clean environment, such as OPENAI_BASE_URL. */
  environment?: Record<string, string>;
  /** Files to lay into the home first, by path. */
  files?: Record<string, string>;
  /** An existing home, to start it again. */
  home?: string;
  offset?: number;
  /** Another program than the one that was built. */
  binary?: string;
}

async function makeHome(files: Record<string, string>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "luna-home-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(home, path, ".."), { recursive: true });
    await writeFile(join(home, path), text);
  }
  return home;
}

/** Runs the binary to its end. */
export async function runLuna(
  args: readonly string[],
  environment: Record<string, string>,
  binary = BINARY,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([binary, ...args], {
    env: environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: START_TIMEOUT_MS,
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** Starts Luna and waits for its sign-in link, which comes when all parts are ready. */
export async function startLuna(options: StartOptions = {}): Promise<Luna> {
  const home = options.home ?? (await makeHome(options.files ?? {}));
  const offset = options.offset ?? freeOffset();
  const paths = pathsOf(home);
  const ports = portsWith(offset);
  const environment: Record<string, string> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    LUNA_HOME: home,
    LUNA_PORT_OFFSET: String(offset),
    // No test asks anybody outside this machine.
    STORE_URL: "off",
    ...options.environment,
  };
  const { binary = BINARY } = options;
  const child = Bun.spawn([binary, "up"], {
    cwd: home,
    env: environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const gather = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  };
  void gather(child.stdout);
  void gather(child.stderr);
  const processes = (): ProcessStat[] => findByVariable("LUNA_PROCESS_ID", isOfHome(home));
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number> => {
    if (child.exitCode === null) child.kill(signal);
    await until(() => child.exitCode !== null || child.signalCode !== null, {
      timeoutMs: STOP_TIMEOUT_MS,
      what: "luna up to end",
    });
    return child.exited;
  };
  const remove = async (): Promise<void> => {
    child.kill("SIGKILL");
    await until(() => {
      const left = processes();
      for (const { pid } of left) sendSignal(pid, "SIGKILL");
      return left.length === 0;
    });
    await endGroupsOf(home);
    await rm(home, { recursive: true, force: true });
  };
  try {
    await until(() => LINK.test(output) || child.exitCode !== null, {
      timeoutMs: START_TIMEOUT_MS,
      what: "luna up to print its sign-in link",
    });
    if (!LINK.test(output)) throw new Error(`luna up ended:\n${output}`);
  } catch (error) {
    await remove();
    throw new Error(`Luna did not start:\n${output}`, { cause: error });
  }
  const credentials = await readCredentials(new EnvFile(paths.env));
  const url = `http://127.0.0.1:${ports.caddy}`;
  const run = (...args: string[]) => runLuna(args, environment, binary);
  const state = async (): Promise<StateFile> => {
    const file = await readJsonIfThere(paths.state, StateFile);
    if (file === undefined) throw new Error("There is no state.json");
    return file;
  };
  return {
    home,
    paths,
    ports,
    url,
    pid: child.pid,
    credentials,
    environment,
    link: LINK.exec(output)?.[0] ?? "",
    output: () => output,
    run,
    control: (path, init) =>
      fetch(`http://127.0.0.1:${ports.supervisor}${path}`, {
        ...init,
        headers: { Authorization: `Bearer ${credentials.supervisorToken}`, ...init?.headers },
      }),
    signIn: async () => {
      const { stdout } = await run("login-link");
      const token = stdout.trim().split("#t=")[1];
      const response = await fetch(`${url}/auth/link`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Origin: url },
        body: JSON.stringify({ token }),
      });
      if (!response.ok) throw new Error(`Sign-in failed: ${await response.text()}`);
      return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    },
    pageToken: async (Cookie) => {
      const page = await (await fetch(`${url}/`, { headers: { Cookie, ...DOCUMENT } })).text();
      return /<meta name="luna-page" content="([^"]+)"/.exec(page)?.[1] ?? "";
    },
    state,
    pidOf: (name) =>
      until(
        async () => {
          const record = (await state()).services[name];
          return record?.status === "running" ? record.pid : undefined;
        },
        { what: `${name} to run` },
      ),
    processes,
    exited: child.exited,
    stop,
    remove,
  };
}
