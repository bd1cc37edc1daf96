/** The Python code that extensions' Python runs with, embedded as text and laid out where Python can import it. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryName } from "../lib/files.ts";
import coreInit from "./library/core/__init__.py" with { type: "text" };
import utilsInit from "./library/core/utils/__init__.py" with { type: "text" };
import db from "./library/core/utils/db.py" with { type: "text" };
import discovery from "./library/core/utils/extension_discovery.py" with { type: "text" };
import llmSelector from "./library/core/utils/llm_selector.py" with { type: "text" };
import serviceAuth from "./library/core/utils/service_auth.py" with { type: "text" };
import dotenv from "./library/dotenv/__init__.py" with { type: "text" };
import toolArguments from "./library/luna_arguments.py" with { type: "text" };
import results from "./library/luna_results.py" with { type: "text" };
import toolHost from "./library/luna_tool_host.py" with { type: "text" };

/** Machines without a `python` have one by this: programs of extensions call it so. */
const PYTHON = `#!/bin/sh\nexec "\${LUNA_PYTHON:-python3}" "$@"\n`;
const EXECUTABLE = 0o755;
const PREFIX = "library-";
const KEY_LENGTH = 16;
/** Of an older Luna, whose processes may still run. */
const OLD_MS = 24 * 60 * 60_000;

const FILES: Readonly<Record<string, string>> = {
  "core/__init__.py": coreInit,
  "core/utils/__init__.py": utilsInit,
  "core/utils/db.py": db,
  "core/utils/extension_discovery.py": discovery,
  "core/utils/llm_selector.py": llmSelector,
  "core/utils/service_auth.py": serviceAuth,
  "dotenv/__init__.py": dotenv,
  "luna_arguments.py": toolArguments,
  "luna_results.py": results,
  "luna_tool_host.py": toolHost,
  "bin/python": PYTHON,
};

const key = (): string =>
  createHash("sha256").update(JSON.stringify(FILES)).digest("hex").slice(0, KEY_LENGTH);

async function removeOld(folder: string, current: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(PREFIX) || name === current) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined); // Another process removed it.
    if (stats === undefined || Date.now() - stats.mtimeMs < OLD_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/**
 * Writes the library into `folder` unless it is there, whole or not at all.
 * @returns its path, which is another one when its content is
 */
export async function layOutPythonLibrary(folder: string): Promise<string> {
  const name = PREFIX + key();
  const path = join(folder, name);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const staging = temporaryName(path);
  try {
    for (const [file, text] of Object.entries(FILES)) {
      const target = join(staging, file);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text, file.startsWith("bin/") ? { mode: EXECUTABLE } : {});
    }
    await rename(staging, path);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(path)) throw error;
  }
  await removeOld(folder, name);
  return path;
}
