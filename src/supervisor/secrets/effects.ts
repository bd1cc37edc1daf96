/** Brings changed keys to those who use them, and to nobody else: a restart each, or word that one is needed. */
import { KNOWN_KEYS } from "../../config/known-keys.ts";
import type { SecretEffect, SecretUser } from "../../contract/secrets.ts";
import type { Extension } from "../../extensions/discovery.ts";
import { secretNames } from "../../extensions/secrets.ts";
import { coreServicesWith } from "../core-services.ts";
import type { ManagedProcess } from "../process/managed-process.ts";
import type { ProcessTable } from "../process/process-table.ts";
import type { ToolHosts } from "../tool-hosts.ts";

const LUNA: SecretUser = { kind: "luna", name: "luna", label: "Luna" };

interface EffectsOptions {
  processes: ProcessTable;
  toolHosts: Pick<ToolHosts, "renew">;
}

/** Everything that uses the key of this name. */
export function usersOf(name: string, extensions: readonly Extension[]): SecretUser[] {
  const atStart = KNOWN_KEYS.get(name)?.isReadAtStart === true ? [LUNA] : [];
  const core = coreServicesWith(name).map((one): SecretUser => ({ kind: "core", ...one }));
  const asking = extensions
    .filter(({ manifest }) => secretNames(manifest).includes(name))
    .map((one): SecretUser => ({ kind: "extension", name: one.name, label: one.name }));
  return [...atStart, ...core, ...asking];
}

/** What stopped by itself or by hand stays so; what fails may have failed for want of this very key. */
function isAffected({ state }: ManagedProcess): boolean {
  return state === "running" || state === "starting" || state === "backoff" || state === "fatal";
}

function processOf({ spec }: ManagedProcess): SecretUser {
  const kind = spec.kind === "core" ? "core" : "extension";
  return { kind, name: spec.name, label: spec.label };
}

export class SecretEffects {
  readonly #options: EffectsOptions;

  constructor(options: EffectsOptions) {
    this.#options = options;
  }

  /** Starts again what uses any of the keys of these names, each once. */
  apply(
    names: readonly string[],
    extensions: readonly Extension[],
  ): Omit<SecretEffect, "overridden"> {
    const waiting = new Map<string, SecretUser>();
    const due = new Map<string, ManagedProcess>();
    for (const name of names) {
      const { isReadAtStart = false, isPart = false } = KNOWN_KEYS.get(name) ?? {};
      for (const user of usersOf(name, extensions)) {
        const isCore = user.kind === "core";
        // Started again with all of Luna.
        if (isCore && isReadAtStart) continue;
        if (user.kind === "luna" || (isCore && isPart)) waiting.set(user.name, user);
        else for (const one of this.#processesOf(user)) due.set(one.spec.name, one);
      }
    }
    for (const one of due.values()) {
      if (one.spec.kind === "tool-host") this.#options.toolHosts.renew(one);
      else one.restart();
    }
    return {
      restarted: [...due.values()].map(processOf),
      needs_restart: [...waiting.values()],
    };
  }

  #processesOf(user: SecretUser): ManagedProcess[] {
    const all = this.#options.processes.all().filter(isAffected);
    if (user.kind === "core") return all.filter(({ spec }) => spec.name === user.name);
    return all.filter(({ spec }) => spec.extension === user.name);
  }
}
