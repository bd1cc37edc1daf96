/** Which limits each kind of process gets (master_config's `limits`), and how they come to it. */
import { isOfHome, MARK_VARIABLE, processMark } from "../config/mark.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { LimitSettings } from "../contract/config.ts";
import type { ProcessKind } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { startVariableOf } from "../lib/proc.ts";
import type { ProcessSpec } from "./process/managed-process.ts";
import {
  endGroups,
  findSites,
  ProcessGroups,
  type ProcessLimits,
} from "./process/process-groups.ts";

interface LimitsOptions {
  home: string;
  config: Pick<MasterConfigStore, "last">;
  log: Logger;
  /** Absent: as this machine allows. */
  groups?: ProcessGroups;
}

const DEFAULTS = LimitSettings.parse({});

export function limitsOf(kind: ProcessKind, settings: LimitSettings): ProcessLimits {
  switch (kind) {
    case "supervisor":
    case "core":
    case "caddy":
      return settings.core;
    case "tool-host":
      return settings.tool_hosts;
    case "ui":
    case "service":
      return settings.extensions;
  }
}

/** By which the groups of a home are told from others'. */
function groupName(home: string): string {
  return processMark(home, "").replace(":", "");
}

/** Ends what is left in the groups of a home whose supervisor is gone, whatever it did to its mark. */
export async function endGroupsOf(home: string): Promise<void> {
  await endGroups(groupName(home), findSites("self").sites);
}

/** The processes of this home, this one and the one that started it. */
function groupsOf(home: string): ProcessGroups {
  const isMarked = isOfHome(home);
  const isOurs = (pid: number): boolean =>
    pid === process.pid ||
    pid === process.ppid ||
    isMarked(startVariableOf(pid, MARK_VARIABLE) ?? "");
  return new ProcessGroups({
    home: groupName(home),
    isOurs,
    ...findSites("self"),
  });
}

export class Limits {
  readonly #options: LimitsOptions;
  readonly #groups: ProcessGroups;
  #hasFailed = false;

  constructor(options: LimitsOptions) {
    this.#options = options;
    this.#groups = options.groups ?? groupsOf(options.home);
    for (const { controller, why } of this.#groups.refusals) {
      options.log.info(`No limits of ${controller} here: ${why}`);
    }
  }

  /** `spec`, so that its process starts within its limits. */
  apply(spec: ProcessSpec): ProcessSpec {
    const group = this.#groups.of(spec.name);
    const { config } = this.#options;
    return {
      ...spec,
      group: {
        start: (spawn) => {
          let isSpawning = false;
          try {
            return group.start(limitsOf(spec.kind, config.last?.limits ?? DEFAULTS), (folder) => {
              isSpawning = true;
              return spawn(folder);
            });
          } catch (error) {
            if (isSpawning) throw error;
            this.#failed(error);
            return spawn();
          }
        },
      },
      onEnd: (pid) => {
        spec.onEnd?.(pid);
        void group.close();
      },
    };
  }

  /** Removes the groups that nothing runs in any more. */
  async clear(): Promise<void> {
    await this.#groups.clear().catch((error: unknown) => {
      this.#options.log.warn(
        `Cannot remove the groups of processes that ended: ${messageOf(error)}`,
      );
    });
  }

  /** A process without limits is better than none; it is said once. */
  #failed(error: unknown): void {
    if (!this.#hasFailed) {
      this.#options.log.warn(`Cannot limit what processes take: ${messageOf(error)}`);
    }
    this.#hasFailed = true;
  }
}
