/** Luna's program on the disk: a new one beside it, proved, put in its place and taken back. */
import { access, chmod, constants, link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { runCommand } from "../lib/command.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { renameDurably } from "../lib/files.ts";

const EXECUTABLE_MODE = 0o755;
const SELF_TEST_TIMEOUT_MS = 30_000;

/** What `luna self-test` prints. */
export const SelfTest = z.object({ version: z.string(), ok: z.literal(true) });
export type SelfTest = z.infer<typeof SelfTest>;

/** The names beside the program: the next one while it is fetched, and the one from before. */
export const nextOf = (program: string): string => `${program}.new`;
const previousOf = (program: string): string => `${program}.old`;

/** Whether this user may put another program in its place; the reason when not. */
export async function replaceRefusal(program: string): Promise<string | undefined> {
  const folder = dirname(program);
  try {
    await access(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return `"${folder}" cannot be written by the user that runs Luna (${messageOf(error)})`;
  }
}

/**
 * Runs the new program's own test with this home's files.
 * @throws InvalidInputError when it does not run here, or is of another version
 */
export async function proveProgram(
  program: string,
  version: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  await chmod(program, EXECUTABLE_MODE);
  const refuse = (why: string): never => {
    throw new InvalidInputError(`Cannot use Luna ${version}: ${why}`);
  };
  const command = [program, "self-test"];
  const said = await runCommand({ command, env, timeoutMs: SELF_TEST_TIMEOUT_MS });
  if (!said.ok) return refuse(`its self-test fails here (${said.why})`);
  let answer: unknown;
  try {
    answer = JSON.parse(said.output);
  } catch {
    return refuse("its self-test answers something else than a result");
  }
  const found = SelfTest.safeParse(answer);
  if (!found.success) return refuse("its self-test answers something else than a result");
  if (found.data.version !== version) refuse(`it calls itself ${found.data.version}`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Puts `<program>.new` in the program's place, and keeps that as `<program>.old`. At each moment there is
 * a whole program under its name.
 */
export async function swapProgram(program: string): Promise<void> {
  const previous = previousOf(program);
  await rm(previous, { force: true });
  await link(program, previous);
  await syncFolder(program);
  await renameDurably(nextOf(program), program);
}

/** Puts `<program>.old` back; nothing happens when that was done already. */
export async function restoreProgram(program: string): Promise<void> {
  const previous = previousOf(program);
  const returning = `${program}.returning`;
  await rm(returning, { force: true });
  try {
    await link(previous, returning);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  await rename(returning, program);
  // Two names of one file: the rename did nothing (rename(2)).
  await rm(returning, { force: true });
  await rm(previous, { force: true });
  await syncFolder(program);
}
