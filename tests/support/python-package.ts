/** A program or library of PyPI, in an environment of its own that is made once for all runs. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

const CACHE = resolve(import.meta.dir, "../../node_modules/.cache");
const FETCH_TIMEOUT_MS = 180_000;

async function run(...command: string[]): Promise<void> {
  const child = Bun.spawn(command, {
    ...{ stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: FETCH_TIMEOUT_MS },
  });
  const [errors, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${errors}`);
}

/** The environment's folder of programs, `python` among them. */
export async function pythonPackage(name: string, version: string): Promise<string> {
  const folder = join(CACHE, `${name}-${version}`);
  if (!existsSync(folder)) {
    const making = `${folder}.${process.pid}`;
    await mkdir(CACHE, { recursive: true });
    try {
      await run("python3", "-m", "venv", making);
      const pip = [join(making, "bin/python"), "-m", "pip", "install", "--quiet"];
      await run(...pip, "--only-binary", ":all:", `${name}==${version}`);
      await rename(making, folder);
    } catch (error) {
      await rm(making, { recursive: true, force: true });
      // Another run may have been first.
      if (!existsSync(folder)) throw error;
    }
  }
  return join(folder, "bin");
}
