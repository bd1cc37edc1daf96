/** Where everything lies: the only file that spells a path of Luna's home. */
import { join } from "node:path";

export interface Paths {
  home: string;
  env: string;
  state: string;
  masterConfig: string;
  apiKeys: string;
  /** Where extensions' public paths lead. */
  routes: string;
  caddyfile: string;
  caddySocket: string;
  caddyData: string;
  /** Caddy's own program, when neither the system nor a package has one. */
  bin: string;
  /** Types and modules for authors of extensions: their editors and tests read it, Luna does not. */
  sdk: string;
  /** What Bun keeps of sources it has transpiled; may be removed at any time. */
  cache: string;
  /** What package managers have fetched, for the next extension that asks for it. */
  packageCache: string;
  /** The Python code that comes with Luna. */
  python: string;
  /** Environments of Python packages; extensions link to them. */
  pythonEnvironments: string;
  lock: string;
  /** The newest change of Luna's own program, and how it ended. */
  coreUpdate: string;
  database: string;
  run: string;
  tools: string;
  /** What is to be changed, what could not be, and how often that was tried (specification 4.3). */
  updateQueue: string;
  updateQueueFailed: string;
  updateRetryCount: string;
  /** The journal of each run, and beside it what it works on. */
  runs: string;
  /** Tokens for other MCP servers, a file for each extension. */
  upstreams: string;
  /** The version before the present one of each extension. */
  backups: string;
  /** The data of extensions that were deleted. */
  keptData: string;
  /** Archives of extensions that were uploaded. */
  uploads: string;
  /** The store's index as it was fetched last. */
  store: string;
  /** Events of the audit log that are on their way into the database. */
  audit: string;
  logs: string;
  /** What external services write (specification 12). */
  serviceLogs: string;
  /** Where logs are, all of them. */
  logFolders: readonly string[];
  extensions: string;
  externalServices: string;
  /** Which external services are installed, and where their UIs are. */
  serviceRegistry: string;
  serviceRoutes: string;
  luna: string;
  /** The socket of an extension's tool host. */
  toolHostSocket(extension: string): string;
  /** The cached description of an extension's tools. */
  toolsFile(extension: string): string;
  /** What OAuth has given for the MCP servers of an extension, encrypted. */
  upstreamTokens(extension: string): string;
  log(name: string): string;
  /** What belongs to one external service; `name` must have been checked. */
  externalService(name: string): ServicePaths;
}

interface ServicePaths {
  folder: string;
  definition: string;
  /** The form of definitions that have it in a file of its own. */
  form: string;
  config: string;
  data: string;
  log: string;
}

export function pathsOf(home: string): Paths {
  const luna = join(home, ".luna");
  return {
    home,
    luna,
    env: join(home, ".env"),
    state: join(luna, "state.json"),
    masterConfig: join(luna, "master_config.json"),
    apiKeys: join(luna, "api_keys.json"),
    routes: join(luna, "routes.json"),
    caddyfile: join(luna, "Caddyfile"),
    caddySocket: join(luna, "caddy.sock"),
    caddyData: join(luna, "caddy"),
    bin: join(luna, "bin"),
    sdk: join(luna, "sdk"),
    cache: join(luna, "cache"),
    packageCache: join(luna, "cache", "packages"),
    python: join(luna, "python"),
    pythonEnvironments: join(luna, "python", "environments"),
    lock: join(luna, "lock"),
    coreUpdate: join(luna, "core_update.json"),
    database: join(luna, "luna.db"),
    run: join(luna, "run"),
    tools: join(luna, "tools"),
    updateQueue: join(luna, "update_queue.json"),
    updateQueueFailed: join(luna, "update_queue_failed.json"),
    updateRetryCount: join(luna, "update_retry_count.json"),
    runs: join(luna, "runs"),
    upstreams: join(luna, "upstreams"),
    backups: join(luna, "backups"),
    keptData: join(luna, "kept_data"),
    uploads: join(luna, "uploads"),
    store: join(luna, "store.json"),
    audit: join(luna, "audit"),
    logs: join(home, "logs"),
    serviceLogs: join(luna, "logs"),
    logFolders: [join(home, "logs"), join(luna, "logs")],
    extensions: join(home, "extensions"),
    externalServices: join(home, "external_services"),
    serviceRegistry: join(luna, "external_services.json"),
    serviceRoutes: join(luna, "external_service_routes.json"),
    toolHostSocket: (extension) => join(luna, "run", `${extension}.sock`),
    toolsFile: (extension) => join(luna, "tools", `${extension}.json`),
    upstreamTokens: (extension) => join(luna, "upstreams", `${extension}.json`),
    log: (name) => join(home, "logs", `${name}.log`),
    externalService: (name) => {
      const folder = join(home, "external_services", name);
      return {
        folder,
        definition: join(folder, "service.json"),
        form: join(folder, "config-form.json"),
        config: join(folder, "config.json"),
        data: join(folder, "data"),
        log: join(luna, "logs", `${name}.log`),
      };
    },
  };
}
