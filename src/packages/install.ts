/** Installs all that a staged extension needs: npm packages in its folder, Python packages in an environment that it links to. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { baseEnvironment, type Environment } from "../config/environment.ts";
import { processMark } from "../config/mark.ts";
import { pathsOf } from "../config/paths.ts";
import { ENVIRONMENT_LINK } from "../python/environment-link.ts";
import { findPython } from "../python/find-python.ts";
import { impliedBy, importsOf } from "./implied-requirements.ts";
import type { InstallBounds, InstallContext } from "./install-context.ts";
import { INSTALL_NAME } from "./left-overs.ts";
import { installNpmPackages } from "./npm.ts";
import { packageLists } from "./package-folders.ts";
import { ensureEnvironment } from "./python-environment.ts";
import { readRequirements } from "./requirements.ts";

const BOUNDS: InstallBounds = {
  timeoutMs: 10 * 60_000,
  bytesMax: 1024 ** 3,
  filesMax: 150_000,
};

/** The owner's own ways to the network, for package managers alone. */
const OF_THE_OWNER = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_CERT"],
  ...[
    "NPM_CONFIG_REGISTRY",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
  ],
];

export interface InstallOptions {
  /** Of Luna: what is inherited from it is chosen here. */
  environment: Environment;
  /** The staged extension. */
  folder: string;
  /** Of packages, shared by all extensions. */
  cache: string;
  /** Whether scripts may run while packages are installed, and the extension may choose where they come from. */
  trusted: boolean;
  /** Nothing but the cache. */
  offline?: boolean;
  log(line: string): void;
  signal?: AbortSignal;
  bounds?: Partial<InstallBounds>;
  /** Luna itself otherwise. */
  bun?: string;
}

export interface InstalledPackages {
  /** The lists that were installed, such as `ui/package.json`. */
  installed: string[];
  /** What keeps a part of the extension from running, one sentence each. */
  problems: string[];
}

function environmentOf(environment: Environment): Record<string, string> {
  const base = baseEnvironment(environment);
  const own = OF_THE_OWNER.flatMap((name) => {
    const value = environment.variables[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const { bin } = pathsOf(environment.home);
  return {
    ...base,
    ...Object.fromEntries(own),
    PATH: [bin, base["PATH"] ?? ""].join(delimiter),
  };
}

/** Makes the environment for all of the extension's lists together, and links to it. */
async function installPythonPackages(
  environment: Environment,
  context: InstallContext,
): Promise<InstalledPackages> {
  const { folder, trusted, log } = context;
  const lists = await packageLists(folder, "requirements.txt");
  const { hasPython, modules } = await importsOf(folder);
  if (lists.length === 0 && !hasPython) return { installed: [], problems: [] };
  const found = await findPython(environment);
  if ("problem" in found) {
    log(found.problem);
    return { installed: [], problems: [found.problem] };
  }
  const asked = await readRequirements(lists, { root: folder, trusted });
  const implied = impliedBy(modules, asked.lines);
  const requirements = { ...asked, lines: [...asked.lines, ...implied] };
  if (requirements.lines.length === 0) return { installed: [], problems: [] };
  const path = await ensureEnvironment({
    python: found.python,
    uv: Bun.which("uv", { PATH: environment.variables["PATH"] ?? "" }) ?? undefined,
    requirements,
    environments: pathsOf(environment.home).pythonEnvironments,
    what: lists.length > 0 ? lists.join(", ") : "its Python files",
    context,
  });
  await symlink(path, join(folder, ENVIRONMENT_LINK));
  return { installed: lists.length > 0 ? lists : ["(what its Python files import)"], problems: [] };
}

/**
 * Installs into `folder`, which nobody else uses yet; it may be renamed afterwards.
 * @throws LunaError that says which list failed, and why; the signal's reason when it was aborted
 */
export async function installPackages(options: InstallOptions): Promise<InstalledPackages> {
  const { environment, folder, cache, trusted, offline = false, log, signal } = options;
  await mkdir(cache, { recursive: true, mode: 0o700 });
  // One that the extension came with belongs to another machine.
  await rm(join(folder, ENVIRONMENT_LINK), { recursive: true, force: true });
  const context: InstallContext = {
    ...{ folder, cache, trusted, offline, log, signal },
    bun: options.bun ?? process.execPath,
    bounds: { ...BOUNDS, ...options.bounds },
    env: environmentOf(environment),
    mark: () => processMark(environment.home, INSTALL_NAME + crypto.randomUUID()),
  };
  const npm = await installNpmPackages(context);
  const python = await installPythonPackages(environment, context);
  return { installed: [...npm, ...python.installed], problems: python.problems };
}
