/** What the supervisor runs at its start: the core services and what each may know (specification 4.2). */

import { type Deployment, publicUrl } from "../caddy/address.ts";
import type { Credentials } from "../config/credentials.ts";
import type { EnvFile } from "../config/env-file.ts";
import { baseEnvironment, type Environment, selfCommand } from "../config/environment.ts";
import { GITHUB_VARIABLES } from "../config/github.ts";
import { processMark } from "../config/mark.ts";
import type { Paths } from "../config/paths.ts";
import type { Ports } from "../config/ports.ts";
import { CoreServiceName } from "../contract/process.ts";
import { assertionKey } from "../lib/assertion.ts";
import type { ProcessSpec } from "./process/managed-process.ts";

const STOP_GRACE_MS = 2_500;

interface CoreService {
  label: string;
  path: string;
  /** Variables that reach it when they are set, from the environment of `luna up` or from `.env`. */
  settings: readonly string[];
  /** What it must know to be believed, or to believe. */
  tokens(credentials: Credentials): Record<string, string>;
  /** What it must know of where people reach this Luna. */
  place?(deployment: Deployment): Record<string, string>;
}

const CORE_SERVICES: Record<CoreServiceName, CoreService> = {
  auth: {
    label: "Sign-in",
    path: "/auth",
    settings: [
      ...["DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"],
      ...GITHUB_VARIABLES,
    ],
    tokens: (credentials) => ({
      LUNA_AUTH_TOKEN: credentials.authToken,
      LUNA_TOKEN_CHECK: credentials.tokenCheck,
    }),
    place: (deployment) => ({
      LUNA_PUBLIC_URL: publicUrl(deployment),
      LUNA_DEPLOYMENT_MODE: deployment.mode,
    }),
  },
  agent: {
    label: "Agent API",
    path: "/api/agent",
    settings: ["OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_DEFAULT_MODEL", "DEFAULT_AGENT"],
    tokens: (credentials) => ({
      LUNA_EDGE_TOKEN: credentials.edgeToken,
      LUNA_TOOL_HOST_TOKEN: credentials.toolHostToken,
      LUNA_ASSERTION_KEY: assertionKey(credentials.authToken),
    }),
  },
  mcp: {
    label: "MCP",
    path: "/api/mcp",
    settings: [],
    tokens: (credentials) => ({
      LUNA_MCP_TOKEN: credentials.mcpToken,
      LUNA_TOOL_HOST_TOKEN: credentials.toolHostToken,
      LUNA_TOKEN_CHECK: credentials.tokenCheck,
    }),
    place: (deployment) => ({ LUNA_PUBLIC_URL: publicUrl(deployment) }),
  },
  hub: { label: "Hub", path: "/", settings: [], tokens: () => ({}) },
};

/** The core services that the variable reaches. */
export function coreServicesWith(variable: string): { name: CoreServiceName; label: string }[] {
  return CoreServiceName.options.flatMap((name) => {
    const { label, settings } = CORE_SERVICES[name];
    return settings.includes(variable) ? [{ name, label }] : [];
  });
}

export interface SpecContext {
  environment: Environment;
  paths: Paths;
  ports: Ports;
  credentials: Credentials;
  envFile: EnvFile;
}

/** The values of `names` that are set: the environment of `luna up` before `.env`. */
export async function settingsOf(
  context: Pick<SpecContext, "environment" | "envFile">,
  names: readonly string[],
): Promise<Record<string, string>> {
  const file = await context.envFile.read();
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = context.environment.variables[name] || file[name];
    if (value) found[name] = value;
  }
  return found;
}

export function coreServiceSpec(
  name: CoreServiceName,
  context: SpecContext,
  deployment: Deployment,
): ProcessSpec {
  const service = CORE_SERVICES[name];
  const { environment, paths, ports, credentials } = context;
  return {
    name,
    label: service.label,
    kind: "core",
    command: [...selfCommand(), "service", name],
    cwd: paths.home,
    environment: async () => ({
      ...baseEnvironment(environment),
      ...(await settingsOf(context, service.settings)),
      ...service.tokens(credentials),
      ...service.place?.(deployment),
    }),
    log: paths.log(name),
    mark: processMark(paths.home, name),
    port: ports[name],
    path: service.path,
    probe: { url: `http://127.0.0.1:${ports[name]}/healthz` },
    stop_grace_ms: STOP_GRACE_MS,
    restart: "always",
  };
}
