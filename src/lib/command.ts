/** Runs a program to its end with a time limit, and tells what it said when it fails. */
import { messageOf } from "./errors.ts";

/** Enough of a program's last words to understand a failure. */
const TOLD_CHARACTERS = 2_000;

interface CommandOptions {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
}

export type CommandResult = { ok: true; output: string } | { ok: false; why: string };

/** Never throws: a program that is missing, fails or takes too long is a result. */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  const [program = "", ...args] = options.command;
  try {
    const child = Bun.spawn([program, ...args], {
      env: options.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    const [output, complaint] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (child.exitCode === 0) return { ok: true, output };
    const how =
      child.signalCode === null
        ? `exit code ${child.exitCode}`
        : `ended by ${child.signalCode} after ${options.timeoutMs} ms at most`;
    const told = `${output}\n${complaint}`.trim().slice(-TOLD_CHARACTERS);
    return { ok: false, why: told === "" ? how : `${how}: ${told}` };
  } catch (error) {
    return { ok: false, why: messageOf(error) };
  }
}
