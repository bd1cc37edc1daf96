/** The two programs that every arm supervises: one that serves, and one that crashes as soon as it is told to. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Answers with its pid, and so with whether it is another one. */
const SERVER = `Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  development: false,
  fetch: () => new Response(String(process.pid)),
});
`;

export interface ScriptFiles {
  /** `start.sh`: serves on the port that is its first argument. */
  server: string;
  /** `start.sh`: sleeps, and from the moment that `crash_now` exists exits with 1 at once. */
  crasher: string;
}

/** The crasher's files, in the arm's own folder. */
const PID_FILE = "crasher.pid";
const NOW_FILE = "crash_now";
const RUNS_FILE = "crasher.runs";
const EXECUTABLE = 0o755;

/** The texts of both scripts; `folder` is where they and their files are. */
export async function writeServer(folder: string): Promise<void> {
  await writeFile(join(folder, "server.js"), SERVER);
}

export function serverScript(folder: string): string {
  return `#!/bin/sh\nexec '${process.execPath}' '${join(folder, "server.js")}' "$1"\n`;
}

export function crasherScript(folder: string): string {
  const file = (name: string): string => `'${join(folder, name)}'`;
  return `#!/bin/sh
if [ -e ${file(NOW_FILE)} ]; then
  echo >> ${file(RUNS_FILE)}
  exit 1
fi
echo $$ > ${file(PID_FILE)}
exec sleep 1000
`;
}

/** Writes both scripts, for arms that run them from where they are. */
export async function writeScripts(folder: string): Promise<ScriptFiles> {
  const files = { server: join(folder, "serve.sh"), crasher: join(folder, "crash.sh") };
  await writeFile(files.server, serverScript(folder));
  await writeFile(files.crasher, crasherScript(folder));
  await chmod(files.server, EXECUTABLE);
  await chmod(files.crasher, EXECUTABLE);
  return files;
}

/** Makes the crasher of this folder crash from now on. */
export async function beginToCrash(folder: string): Promise<void> {
  const pid = Number(await Bun.file(join(folder, PID_FILE)).text());
  await writeFile(join(folder, NOW_FILE), "");
  process.kill(pid, "SIGKILL");
}

/** Whether the crasher sleeps. */
export function crasherSleeps(folder: string): Promise<boolean> {
  return Bun.file(join(folder, PID_FILE)).exists();
}

/** How often the crasher was started again since. */
export async function crashes(folder: string): Promise<number> {
  const file = Bun.file(join(folder, RUNS_FILE));
  return (await file.exists()) ? (await file.text()).length : 0;
}
