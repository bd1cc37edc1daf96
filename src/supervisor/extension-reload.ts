/** Takes up an extension's files as they are now: tools without a gap, UI and services by a restart. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { ExtensionReload, ReloadedTools } from "../contract/extension-reload.ts";
import { ToolsFile } from "../contract/tool.ts";
import { offersTools } from "../extensions/discovery.ts";
import { readManifest } from "../extensions/manifest.ts";
import { ConflictError, LunaError, NotFoundError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { refusedFile } from "../tools/host-mode.ts";
import { InstalledWatch, type InstalledWatchOptions } from "./installed-watch.ts";
import type { ManagedProcess } from "./process/managed-process.ts";
import type { ProcessTable } from "./process/process-table.ts";
import type { ToolHosts } from "./tool-hosts.ts";

const START_TIMEOUT_MS = 20_000;
const MS_DECIMALS = 10;

interface ExtensionReloaderOptions {
  paths: Paths;
  config: MasterConfigStore;
  processes: ProcessTable;
  toolHosts: Pick<ToolHosts, "reload" | "take">;
  /** Registers and starts what is new on disk, and leaves alone what runs. */
  sync(): Promise<void>;
  onChange(): void;
}

export interface ReloadOptions {
  /** `tools`, `ui`, `services/<service>`; all of them when it is undefined. */
  parts: readonly string[] | undefined;
  stay: boolean;
}

type Tools = ToolsFile["tools"];

/** What is told of tools, before and after. Pure. */
function difference(before: Tools, after: Tools) {
  const old = new Map(before.map((tool) => [tool.name, tool]));
  const names = new Set(after.map(({ name }) => name));
  return {
    count: after.length,
    added: after.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    changed: after
      .filter((tool) => old.has(tool.name) && !Bun.deepEquals(old.get(tool.name), tool))
      .map(({ name }) => name),
    removed: before.filter(({ name }) => !names.has(name)).map(({ name }) => name),
  };
}

/** The part that a process is: `ui` or `services/<service>`. */
function partOf({ spec }: ManagedProcess): string {
  if (spec.kind === "ui") return "ui";
  return `services/${spec.name.slice(spec.name.indexOf("__service_") + "__service_".length)}`;
}

export class ExtensionReloader {
  readonly #options: ExtensionReloaderOptions;
  /** One at a time for each extension: two would take each other's place. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(options: ExtensionReloaderOptions) {
    this.#options = options;
  }

  /**
   * Settles when the next call runs the new code, and the restarted processes serve or failed to.
   * @throws NotFoundError when there is no such folder, ConflictError when the extension is switched off
   */
  async reload(name: string, options: ReloadOptions): Promise<ExtensionReload> {
    const before = this.#underWay.get(name) ?? Promise.resolve();
    const work = before.catch(() => undefined).then(() => this.#reload(name, options));
    this.#underWay.set(name, work);
    try {
      return await work;
    } finally {
      if (this.#underWay.get(name) === work) this.#underWay.delete(name);
      this.#options.onChange();
    }
  }

  async #reload(name: string, { parts, stay }: ReloadOptions): Promise<ExtensionReload> {
    const began = performance.now();
    const { paths, config } = this.#options;
    const folder = join(paths.extensions, name);
    if (!existsSync(folder)) {
      throw new NotFoundError(
        `Cannot reload "${name}": there is no such extension; "luna ext list" says which there are`,
      );
    }
    const isAsked = (part: string): boolean => parts === undefined || parts.includes(part);
    // Tools alone need no look at anything else, which would take its time.
    const isKnown = (await config.read()).extensions[name] !== undefined;
    // What looks through all extensions would load half of an edit, and end what runs.
    if (isAsked("tools")) await this.#options.toolHosts.take(name);
    const again = this.#own(name).filter((one) => isAsked(partOf(one)));
    await Promise.all(again.map((one) => this.#end(one)));
    if (!isKnown || parts?.some((part) => part !== "tools") !== false) await this.#options.sync();
    if ((await config.read()).extensions[name]?.enabled !== true) {
      throw new ConflictError(
        `Cannot reload "${name}": it is switched off, or cannot be used; "luna ext list" says which`,
      );
    }
    const tools = isAsked("tools") ? await this.#tools(name, { folder, stay }) : null;
    const asked = this.#own(name).filter((one) => isAsked(partOf(one)));
    await Promise.all(asked.map((one) => one.settled(START_TIMEOUT_MS)));
    return {
      extension: name,
      tools,
      processes: asked.map(({ spec, state }) => {
        return { name: spec.name, label: spec.label, status: state };
      }),
      duration_ms: Math.round((performance.now() - began) * MS_DECIMALS) / MS_DECIMALS,
    };
  }

  /** The UI and the services of an extension. */
  #own(name: string): ManagedProcess[] {
    return this.#options.processes
      .all()
      .filter(({ spec }) => spec.extension === name && spec.kind !== "tool-host");
  }

  /** The next look starts it anew, as its files say now; what somebody stopped by hand stays stopped. */
  async #end(managed: ManagedProcess): Promise<void> {
    if (managed.state === "stopped") return;
    await managed.stop();
    this.#options.processes.remove(managed.spec.name);
  }

  async #tools(
    name: string,
    { folder, stay }: { folder: string; stay: boolean },
  ): Promise<ReloadedTools> {
    const { paths, toolHosts } = this.#options;
    const before = (await described(paths.toolsFile(name)))?.tools ?? [];
    if (!(await offersTools(folder, await readManifest(folder)))) {
      await rm(paths.toolsFile(name), { force: true });
      return { status: "none", ...difference(before, []), problems: [] };
    }
    const refused = refusedFile(paths, name);
    await rm(refused, { force: true });
    const reloaded = await toolHosts.reload(name, { stays: stay });
    if (reloaded.isLoaded) {
      const after = await described(paths.toolsFile(name));
      const problems = after?.problems ?? [];
      return { status: "loaded", ...difference(before, after?.tools ?? []), problems };
    }
    const why = (await described(refused))?.problems;
    await rm(refused, { force: true });
    const ended = `Cannot load the tools: ${reloaded.why}; see logs/tool-host-${name}.log`;
    return { status: "kept", ...difference(before, before), problems: why ?? [ended] };
  }
}

/** What watches over the extensions that are installed, and what takes up changes of one of them. */
export function createInstalled(options: InstalledWatchOptions & { processes: ProcessTable }) {
  const installed = new InstalledWatch(options);
  const extensionReload = new ExtensionReloader({ ...options, sync: () => installed.sync() });
  return { installed, extensionReload };
}

/** A description that cannot be read says nothing of what there was. */
async function described(path: string): Promise<ToolsFile | undefined> {
  try {
    return await readJsonIfThere(path, ToolsFile);
  } catch (error) {
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}
