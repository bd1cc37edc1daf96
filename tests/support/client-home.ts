/** A home for one real program: with a browser that only writes down what it should open, and a proxy that lets nothing out. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "./until.ts";

const OPEN_TIMEOUT_MS = 20_000;
const COMMAND_TIMEOUT_MS = 60_000;
/** The programs that open a page on Linux; which one a client takes is its own choice. */
const OPENERS = ["xdg-open", "x-www-browser", "www-browser", "sensible-browser", "firefox"];

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

interface TerminalOptions {
  environment: Record<string, string>;
  meanwhile: () => Promise<void>;
  /** What the program asks, and what is typed then. */
  answer?: [asked: string, typed: string];
}

export interface ClientHome {
  path: string;
  environment: Record<string, string>;
  /** Every address that the program wanted to open in a browser. */
  opened(): Promise<string[]>;
  /** The first of them, once it is there. */
  firstOpened(): Promise<string>;
  /** The first line of each request that wanted to leave this machine; all of them were refused. */
  strangers: string[];
  /** Runs a program in this home to its end. */
  run(command: string[], environment?: Record<string, string>): Promise<Ran>;
  /** Runs a program in a terminal while a person, `meanwhile`, does their part; it must end well. */
  runInTerminal(command: string[], options: TerminalOptions): Promise<void>;
  /** Lays a file into the home. */
  write(path: string, text: string): Promise<void>;
  remove(): Promise<void>;
}

/** Hears whatever takes the way that `HTTPS_PROXY` names, and hangs up. */
function startRefusingProxy(strangers: string[]) {
  return Bun.listen({
    ...{ hostname: "127.0.0.1", port: 0 },
    socket: {
      data: (socket, bytes) => {
        strangers.push(bytes.toString().split("\r\n", 1)[0] ?? "");
        socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      },
    },
  });
}

async function layOpeners(path: string, list: string): Promise<string> {
  const folder = join(path, "bin");
  await mkdir(folder);
  for (const name of OPENERS) {
    const file = join(folder, name);
    await writeFile(file, `#!/bin/sh\nprintf '%s\\n' "$1" >> '${list}'\n`);
    await chmod(file, 0o755);
  }
  return folder;
}

async function runInTerminal(
  command: string[],
  cwd: string,
  { environment, meanwhile, answer }: TerminalOptions,
): Promise<void> {
  let shown = "";
  let isAnswered = false;
  const child = Bun.spawn(command, {
    ...{ cwd, env: environment, timeout: COMMAND_TIMEOUT_MS },
    terminal: {
      data: (terminal, bytes) => {
        shown += bytes.toString();
        if (isAnswered || answer === undefined || !shown.includes(answer[0])) return;
        isAnswered = true;
        terminal.write(answer[1]);
      },
    },
  });
  try {
    await meanwhile();
    const code = await child.exited;
    if (code !== 0) throw new Error(`it ended with ${code}`);
  } catch (error) {
    child.kill();
    throw new Error(`${command.join(" ")} failed:\n${shown}`, { cause: error });
  }
}

export async function makeClientHome(): Promise<ClientHome> {
  const path = await mkdtemp(join(tmpdir(), "luna-client-"));
  const list = join(path, "opened");
  const bin = await layOpeners(path, list);
  await writeFile(list, "");
  const strangers: string[] = [];
  const proxy = startRefusingProxy(strangers);
  const proxyUrl = `http://127.0.0.1:${proxy.port}`;
  const own = "127.0.0.1,localhost,::1";
  const node = dirname(Bun.which("node") ?? "/usr/bin/node");
  const environment: Record<string, string> = {
    PATH: `${bin}:${node}:/usr/bin:/bin`,
    ...{ HOME: path, BROWSER: join(bin, "xdg-open"), TERM: "dumb" },
    ...{ HTTPS_PROXY: proxyUrl, HTTP_PROXY: proxyUrl, NO_PROXY: own },
    ...{ https_proxy: proxyUrl, http_proxy: proxyUrl, no_proxy: own },
  };
  const opened = async () => (await readFile(list, "utf8")).split("\n").filter(Boolean);
  return {
    path,
    environment,
    strangers,
    opened,
    firstOpened: () =>
      until(async () => (await opened())[0], {
        ...{ timeoutMs: OPEN_TIMEOUT_MS, what: "the program to open a browser" },
      }),
    run: async (command, more = {}) => {
      const child = Bun.spawn(command, {
        ...{ cwd: path, env: { ...environment, ...more }, timeout: COMMAND_TIMEOUT_MS },
        ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      });
      const [stdout, stderr, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return { code, stdout, stderr };
    },
    runInTerminal: (command, options) =>
      runInTerminal(command, path, {
        ...options,
        environment: { ...environment, ...options.environment },
      }),
    write: async (name, text) => {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
    },
    remove: async () => {
      proxy.stop(true);
      await rm(path, { recursive: true, force: true });
    },
  };
}
