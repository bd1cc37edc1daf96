/** Packages that Python extensions may import without naming them: they were always there for them (contract 7.4). */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Module → what installs it. */
const ALWAYS_THERE: Readonly<Record<string, string>> = {
  "core.utils.db": "psycopg[binary]",
  "core.utils.llm_selector": "langchain-openai",
  fastapi: "fastapi",
  fastmcp: "fastmcp",
  httpx: "httpx",
  jinja2: "jinja2",
  langchain: "langchain",
  langchain_core: "langchain-core",
  langchain_openai: "langchain-openai",
  openai: "openai",
  psycopg: "psycopg[binary]",
  psycopg2: "psycopg2-binary",
  psycopg_pool: "psycopg-pool",
  pydantic: "pydantic",
  requests: "requests",
  starlette: "starlette",
  streamlit: "streamlit",
  uvicorn: "uvicorn",
  yaml: "pyyaml",
};
const IMPORT = /^\s*(?:from\s+([\w.]+)\s+import|import\s+([\w., \t]+))/gm;
const FILES_MAX = 2_000;
const BYTES_MAX = 1024 * 1024;

/** As PyPI compares names. */
const normalised = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/** The name in a line of requirements; "" when it has none. */
function nameIn(line: string): string {
  return normalised(/^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line)?.[0] ?? "");
}

/** Every module that `source` imports, also within functions. */
export function importsIn(source: string): string[] {
  return [...source.matchAll(IMPORT)].flatMap(([, from, list = ""]) => {
    if (from !== undefined) return [from];
    return list.split(",").map((name) => name.trim().split(/\s+as\s+/)[0] ?? "");
  });
}

/** The packages for `modules` that `lines` do not name. */
export function impliedBy(modules: readonly string[], lines: readonly string[]): string[] {
  const named = new Set(lines.map(nameIn));
  const found = new Set<string>();
  for (const module of modules) {
    const top = module.split(".")[0] ?? "";
    const wanted = ALWAYS_THERE[module] ?? ALWAYS_THERE[top];
    if (wanted !== undefined && !named.has(nameIn(wanted))) found.add(wanted);
  }
  return [...found].sort();
}

async function pythonFiles(folder: string, found: string[] = []): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []); // There is none.
  for (const entry of entries) {
    const isLeftOut = entry.name.startsWith(".") || entry.name === "node_modules";
    if (isLeftOut || found.length >= FILES_MAX) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await pythonFiles(path, found);
    else if (entry.isFile() && entry.name.endsWith(".py")) found.push(path);
  }
  return found;
}

/** Whether the extension has Python in it, and what that imports. */
export async function importsOf(
  folder: string,
): Promise<{ hasPython: boolean; modules: string[] }> {
  const modules = new Set<string>();
  const files = await pythonFiles(folder);
  for (const file of files) {
    if (Bun.file(file).size > BYTES_MAX) continue;
    for (const module of importsIn(await readFile(file, "utf8"))) modules.add(module);
  }
  return { hasPython: files.length > 0, modules: [...modules] };
}
