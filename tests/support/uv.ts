/** `uv`, the real one of PyPI, fetched once for the tests that need it. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

const VERSION = "0.13.9";
const CACHE = resolve(import.meta.dir, "../../node_modules/.cache");
const FETCH_TIMEOUT_MS = 120_000;

async function run(...command: string[]): Promise<void> {
  const child = Bun.spawn(command, {
    ...{ stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: FETCH_TIMEOUT_MS },
  });
  const [errors, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${errors}`);
}

/** The folder that it is in, for PATH. */
export async function uvFolder(): Promise<string> {
  const folder = join(CACHE, `uv-${VERSION}`);
  if (!existsSync(folder)) {
    const making = `${folder}.${process.pid}`;
    await mkdir(CACHE, { recursive: true });
    await run("python3", "-m", "venv", making);
    const pip = [join(making, "bin/python"), "-m", "pip", "install", "--quiet"];
    await run(...pip, "--only-binary", ":all:", `uv==${VERSION}`);
    await rename(making, folder).catch(() => rm(making, { recursive: true })); // Another run was first.
  }
  return join(folder, "bin");
}
