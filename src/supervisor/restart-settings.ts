/** Settings that are read when Luna starts: what the environment decides of them, and which have changed since. */
import { DeploymentMode, type MasterConfig } from "../contract/config.ts";
import type { ConfigOverride } from "../contract/config-api.ts";
import { changedPaths } from "../lib/changed-paths.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";

const VARIABLES = { deployment_mode: "DEPLOYMENT_MODE", public_domain: "PUBLIC_DOMAIN" } as const;
const FIELDS = ["deployment_mode", "public_domain"] as const;

/** `extensions.limits` is told as one. */
const DEPTH = 2;

interface Decided extends ConfigOverride {
  value: string;
}

type Content = Pick<MasterConfig, (typeof FIELDS)[number]> & Readonly<Record<string, unknown>>;

/** All other settings are read where they are used, whenever that is. */
function readAtStart(content: Content) {
  const { deployment_mode, public_domain } = content;
  const { limits, luna } = content as Partial<MasterConfig>;
  // What a process may take, and its time zone, are given to it when it starts.
  return { deployment_mode, public_domain, limits, luna: { timezone: luna?.timezone } };
}

export class RestartSettings {
  readonly #context: Pick<SpecContext, "environment" | "envFile">;
  #atStart: ReturnType<typeof readAtStart> | undefined;

  constructor(context: Pick<SpecContext, "environment" | "envFile">) {
    this.#context = context;
  }

  /** What this start goes by. */
  async begin(config: MasterConfig): Promise<void> {
    this.#atStart = readAtStart(await this.#decided(config));
  }

  /** What the environment of `luna up`, or `.env`, says in the file's place (specification 4.2). */
  async overrides(content: Content): Promise<Decided[]> {
    const set = await settingsOf(this.#context, Object.values(VARIABLES));
    return FIELDS.flatMap((field) => {
      const variable = VARIABLES[field];
      const value = set[variable];
      const isFine = field !== "deployment_mode" || DeploymentMode.safeParse(value).success;
      if (value === undefined || !isFine) return [];
      return [{ field, variable, value, stored: content[field] }];
    });
  }

  /** Dotted names of what counts only from the next start. */
  async needed(content: Content): Promise<string[]> {
    if (this.#atStart === undefined) return [];
    const now = readAtStart(await this.#decided(content));
    return changedPaths(this.#atStart, now, DEPTH).sort();
  }

  async #decided(content: Content): Promise<Content> {
    const decided = await this.overrides(content);
    return { ...content, ...Object.fromEntries(decided.map(({ field, value }) => [field, value])) };
  }
}
