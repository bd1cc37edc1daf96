/** What Luna is compared with: supervisord, s6, pm2, and the least that a Bun program can do. */
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";
import { sendSignal, statOf } from "../../../src/lib/proc.ts";
import { until } from "../../support/until.ts";
import type { Arm } from "./arm.ts";
import { writeScripts } from "./children.ts";

const PM2_VERSION = "7.0.4";
const PM2_FOLDER = resolve(import.meta.dir, "../../../node_modules/.cache/luna/pm2");
const PM2 = join(PM2_FOLDER, "node_modules/.bin/pm2");
const INSTALL_TIMEOUT_MS = 120_000;
const COMMAND_TIMEOUT_MS = 20_000;

const lacksProgram = (program: string, debianPackage: string) => async () =>
  Bun.which(program) === null ? `${program} (apt-get install ${debianPackage})` : undefined;

function inBackground(command: string[], folder: string): Subprocess {
  return Bun.spawn(command, { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
}

async function end(process: Subprocess): Promise<void> {
  process.kill("SIGTERM");
  await process.exited;
}

export const SUPERVISORD: Arm = {
  name: "supervisord",
  lacks: lacksProgram("supervisord", "supervisor"),
  start: async ({ folder, port }) => {
    const { server, crasher } = await writeScripts(folder);
    const path = join(folder, "supervisord.conf");
    const text = `[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=${join(folder, "supervisord.pid")}
[program:server]
command=${server} ${port}
[program:crasher]
command=${crasher}
`;
    await writeFile(path, text);
    const supervisor = inBackground(["supervisord", "-c", path], folder);
    return { port, pids: [supervisor.pid], stop: () => end(supervisor) };
  },
};

/** Its parent and one small process a child. */
function withChildren(pid: number, count: number): Promise<number[]> {
  return until(async () => {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const children = text.split(" ").filter((one) => one !== "");
    return children.length >= count ? [pid, ...children.map(Number)] : undefined;
  });
}

export const S6: Arm = {
  name: "s6",
  lacks: lacksProgram("s6-svscan", "s6"),
  start: async ({ folder, port }) => {
    const { server, crasher } = await writeScripts(folder);
    const scan = join(folder, "scan");
    await mkdir(join(scan, "server"), { recursive: true });
    await mkdir(join(scan, "crasher"));
    await writeFile(join(scan, "server/run"), `#!/bin/sh\nexec ${server} ${port}\n`, {
      mode: 0o755,
    });
    await symlink(crasher, join(scan, "crasher/run"));
    const supervisor = inBackground(["s6-svscan", scan], folder);
    return {
      port,
      pids: await withChildren(supervisor.pid, 2),
      stop: () => end(supervisor),
    };
  },
};

async function run(
  command: string[],
  options: { folder: string; timeoutMs: number; home?: string },
) {
  const child = Bun.spawn(command, {
    cwd: options.folder,
    env: { ...Bun.env, PM2_HOME: options.home },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: options.timeoutMs,
  });
  const complaint = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed: ${complaint}`);
}

export const PM2_ARM: Arm = {
  name: `pm2 ${PM2_VERSION}`,
  lacks: async () => {
    if (existsSync(PM2)) return undefined;
    try {
      await mkdir(PM2_FOLDER, { recursive: true });
      await writeFile(join(PM2_FOLDER, "package.json"), JSON.stringify({ private: true }));
      const install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"];
      const options = { folder: PM2_FOLDER, timeoutMs: INSTALL_TIMEOUT_MS };
      await run([...install, `pm2@${PM2_VERSION}`], options);
      return undefined;
    } catch (error) {
      return `pm2 (npm install pm2@${PM2_VERSION}): ${error}`;
    }
  },
  start: async ({ folder, port }) => {
    const { server, crasher } = await writeScripts(folder);
    const options = { folder, home: join(folder, "pm2"), timeoutMs: COMMAND_TIMEOUT_MS };
    const start = [PM2, "start", "--interpreter", "none", "--name"];
    await run([...start, "server", server, "--", String(port)], options);
    const pid = Number(await readFile(join(options.home, "pm2.pid"), "utf8"));
    const stop = async (): Promise<void> => {
      await run([PM2, "kill"], options);
      sendSignal(pid, "SIGKILL");
      await until(() => statOf(pid)?.alive !== true);
    };
    try {
      await run([...start, "crasher", crasher], options);
    } catch (error) {
      await stop();
      throw error;
    }
    return { port, pids: [pid], stop };
  },
};

/** Spawns again at each end, and does nothing else: the floor for anything on Bun. */
export const BARE: Arm = {
  name: "bare Bun loop",
  lacks: async () => undefined,
  start: async ({ folder, port }) => {
    const { server, crasher } = await writeScripts(folder);
    let current: Subprocess | undefined;
    let isStopping = false;
    const spawn = (): void => {
      if (isStopping) return;
      current = inBackground([server, String(port)], folder);
      void current.exited.then(spawn);
    };
    spawn();
    const sleeper = inBackground([crasher], folder);
    return {
      port,
      pids: [],
      stop: async () => {
        isStopping = true;
        if (current !== undefined) await end(current);
        await end(sleeper);
      },
    };
  },
};
