/** Brings what is installed into action, and again after a file that kept some of it out was mended by hand. */
import { join } from "node:path";
import type { EnvFile } from "../config/env-file.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { Problem } from "../contract/process.ts";
import { installedFolders } from "../extensions/discovery.ts";
import { MANIFEST_FILE } from "../extensions/manifest.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { ExtensionProcesses } from "./extension-processes.ts";
import { watchFiles } from "./file-watch.ts";
import { describeInstalled, syncInstalled } from "./installed.ts";
import { problemFrom } from "./overview.ts";
import type { Secrets } from "./secrets/secrets.ts";
import type { ToolHosts } from "./tool-hosts.ts";

const MENDED_BY_HAND = "Fix the file; Luna takes it up by itself.";
const MEND_AND_START = "Fix it, then start Luna again.";
const TRIED_AGAIN = "Make room on the disk; Luna tries again by itself.";

export interface InstalledWatchOptions {
  paths: Paths;
  envFile: EnvFile;
  config: MasterConfigStore;
  extensionProcesses: ExtensionProcesses;
  toolHosts: ToolHosts;
  secrets: Pick<Secrets, "sync">;
  log: Logger;
  /** After each change that somebody may want to see. */
  onChange(): void;
}

/** What the configuration says of what is installed. */
type Followed = Pick<MasterConfig, "extensions" | "tool_configs" | "port_assignments">;

function followedOf({ extensions, tool_configs, port_assignments }: MasterConfig): Followed {
  return { extensions, tool_configs, port_assignments };
}

/** Those whose settings are others than before; what is new is started with its own. */
function changedSettings(before: Followed | undefined, now: Followed): ReadonlySet<string> {
  const names = Object.keys(before?.extensions ?? {}).filter((name) => {
    const [old, entry] = [before?.extensions[name], now.extensions[name]];
    return entry !== undefined && !Bun.deepEquals(old?.config, entry.config, true);
  });
  return new Set(names);
}

export class InstalledWatch {
  readonly #options: InstalledWatchOptions;
  #installed: readonly Problem[] = [];
  #env: readonly Problem[] = [];
  #hasFailed = false;
  /** What the last sync acted on. */
  #followed: Followed | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: InstalledWatchOptions) {
    this.#options = options;
  }

  /** What the files of this home keep Luna from doing. */
  get problems(): readonly Problem[] {
    const { problem } = this.#options.config;
    const config =
      problem === undefined ? [] : [problemFrom("master-config", problem, MENDED_BY_HAND)];
    return [...config, ...this.#env, ...this.#installed];
  }

  /** Finds, registers, starts and describes what is installed; what runs already is left alone. */
  sync(): Promise<void> {
    const result = this.#turn.then(() => this.#sync());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #sync(): Promise<void> {
    const { paths, config, extensionProcesses, toolHosts, log } = this.#options;
    const found: [text: string, fix: string][] = [];
    this.#hasFailed = false;
    try {
      const { extensions, problems } = await syncInstalled({ paths, config });
      const now = followedOf(await config.read());
      const changed = changedSettings(this.#followed, now);
      const more = await Promise.all([
        extensionProcesses.start(extensions, changed),
        describeInstalled(extensions, { paths, config, toolHosts }),
      ]);
      toolHosts.endDisabled(now.extensions);
      this.#followed = followedOf(await config.read());
      for (const { message, fix } of problems) found.push([message, fix]);
      for (const text of more.flat()) found.push([text, MEND_AND_START]);
    } catch (error) {
      // A configuration that does not parse is told as such, until it is mended.
      if (config.problem === undefined) {
        this.#hasFailed = true;
        found.push([messageOf(error), TRIED_AGAIN]);
      } else log.error(config.problem);
    }
    await this.#readEnv();
    const known = new Map(this.#installed.map((problem) => [problem.title, problem]));
    this.#installed = found.map(([text, fix], index) => {
      if (!known.has(text)) log.error(text);
      return known.get(text) ?? problemFrom(`installed-${index}`, text, fix);
    });
  }

  /** Acts on what is set otherwise than when it was acted on last: switched on or off, set up, moved. */
  async follow(): Promise<void> {
    const { last } = this.#options.config;
    if (last === undefined || Bun.deepEquals(followedOf(last), this.#followed, true)) return;
    await this.sync();
  }

  /** Looks at the files from now on; returns how to end that. */
  async watch(): Promise<() => void> {
    await this.#readEnv();
    let isWhole = this.#isWhole();
    return watchFiles({
      files: () => this.#watched(),
      isDue: () => this.#hasFailed,
      onChange: async () => {
        const { config, onChange } = this.#options;
        try {
          await config.read();
        } catch {
          // It never parsed so far; `problems` says why.
        }
        await this.#readEnv();
        if (isWhole) await this.follow();
        else await this.sync();
        isWhole = this.#isWhole();
        onChange();
      },
    });
  }

  #isWhole(): boolean {
    return this.#installed.length === 0 && this.#options.config.last !== undefined;
  }

  #watched(): string[] {
    const { paths } = this.#options;
    const manifests = this.#isWhole()
      ? []
      : installedFolders(paths.extensions).map((folder) => join(folder, MANIFEST_FILE));
    return [paths.masterConfig, paths.env, ...manifests];
  }

  async #readEnv(): Promise<void> {
    const { envFile, secrets } = this.#options;
    try {
      await secrets.sync();
      const texts = await envFile.problems();
      this.#env = texts.map((text, index) => problemFrom(`env-${index}`, text, MENDED_BY_HAND));
    } catch (error) {
      this.#env = [problemFrom("env-0", messageOf(error), MENDED_BY_HAND)];
    }
  }
}
