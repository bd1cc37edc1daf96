/** The configuration for its readers and writers over HTTP: nothing secret goes out, and no change is lost unseen. */
import { join } from "node:path";
import { z } from "zod";
import { keepingSecrets, withoutSecrets } from "../config/config-secrets.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import { ExtensionEntry, MasterConfig, type ToolSettings } from "../contract/config.ts";
import {
  ABOUT,
  type ConfigAnswer,
  type ConfigChanged,
  type ConfigConflict,
  type ConfigOverride,
  type ConfigSynced,
} from "../contract/config-api.ts";
import { ThingName } from "../contract/names.ts";
import { MANIFEST_FILE } from "../extensions/manifest.ts";
import { ConflictError, InvalidInputError, messageOf, NotFoundError } from "../lib/errors.ts";
import { explain, fieldName } from "../lib/explain.ts";
import { readJsonIfThere } from "../lib/files.ts";
import type { Logger } from "../lib/log.ts";
import { mergePatch } from "../lib/merge-patch.ts";
import { isDeeperThan, isRecord } from "../lib/record.ts";
import { matchesRevision, revisionOf } from "../lib/revision.ts";
import { changedNames } from "./config-edits.ts";
import { type Installed, syncInstalled } from "./installed.ts";
import type { RestartSettings } from "./restart-settings.ts";

/** Half of what a file may have that is read again. */
const CONFIG_CHARACTERS_MAX = 4_000_000;
const LEVELS_MAX = 100;

type Content = Record<string, unknown>;

/** What is wanted of the present content; `ifMatch` is the header of that name. */
interface Change {
  ifMatch: string | undefined;
  /** What the writer sent, for whoever has to decide between two versions. */
  yours: unknown;
  /** @returns the whole content as it is to be */
  next(content: Readonly<Content>): Content;
}

interface ConfigChangesOptions {
  paths: Paths;
  config: MasterConfigStore;
  restart: RestartSettings;
  /** Values that are shown nowhere. */
  secrets(): readonly string[];
  /** After each change, once it is written. */
  onChange(): void;
  log: Pick<Logger, "error">;
}

export class ConfigChanges {
  readonly #options: ConfigChangesOptions;

  constructor(options: ConfigChangesOptions) {
    this.#options = options;
  }

  /** Without secrets; where the environment decides, its value stands in place of the file's. */
  async read(): Promise<{ revision: string; answer: ConfigAnswer }> {
    const { config, restart } = this.#options;
    const content = await config.read();
    const revision = revisionOf(content);
    const overrides = await restart.overrides(content);
    const decided = overrides.map(({ field, value }) => [field, value] as const);
    const told: ConfigOverride[] = overrides.map(({ value: _, ...override }) => override);
    const about = {
      revision,
      overrides: told,
      needs_restart: await restart.needed(content),
      problem: config.problem ?? null,
    };
    const shown = this.#shown({ ...content, ...Object.fromEntries(decided) });
    return { revision, answer: { ...shown, [ABOUT]: about } };
  }

  /**
   * A full replacement, as JSON that was parsed. Secrets that it lacks stay, and what the environment decides is not
   * taken for the file's own.
   * @throws InvalidInputError that names the field; ConflictError with both versions
   */
  async replace(body: Content, ifMatch: string): Promise<ConfigChanged> {
    const { [ABOUT]: _, ...sent } = body;
    const { config, restart, secrets } = this.#options;
    const overrides = await restart.overrides(await config.read());
    return this.#change({
      ifMatch,
      yours: sent,
      next: (content) => {
        const next: Content = keepingSecrets(content, sent, secrets());
        for (const { field, value, stored } of overrides) {
          if (next[field] === value) next[field] = stored;
        }
        return next;
      },
    });
  }

  /** RFC 7396. What the patch does not name stays, whoever changed it; so `If-Match` is not asked for. */
  patch(body: Content, ifMatch: string | undefined): Promise<ConfigChanged> {
    const { [ABOUT]: _, ...patch } = body;
    return this.#change({
      ifMatch,
      yours: patch,
      next: (content) => asContent(mergePatch(content, patch)),
    });
  }

  /** A shallow merge into the extension's entry, which is made when there is none (contract 4.10). */
  patchExtension(name: string, body: Content, ifMatch?: string): Promise<ConfigChanged> {
    const { secrets } = this.#options;
    return this.#change({
      ifMatch,
      yours: body,
      next: (content) => {
        const entries = asContent(content["extensions"]);
        const before = asContent(entries[name] ?? ExtensionEntry.parse({}));
        const entry = keepingSecrets(before, { ...before, ...body }, secrets());
        return { ...content, extensions: { ...entries, [name]: entry } };
      },
    });
  }

  /** Replaces what is set for one tool (contract 4.10). */
  setTool(tool: string, body: ToolSettings, ifMatch?: string): Promise<ConfigChanged> {
    return this.#change({
      ifMatch,
      yours: body,
      next: (content) => ({
        ...content,
        tool_configs: { ...asContent(content["tool_configs"]), [tool]: body },
      }),
    });
  }

  /** The extension's own `config.json`, without secrets. */
  async ofExtension(name: string): Promise<Content> {
    const folder = join(this.#options.paths.extensions, name);
    const manifest = await readJsonIfThere(join(folder, MANIFEST_FILE), z.looseObject({}));
    if (manifest === undefined) {
      throw new NotFoundError(
        `Cannot find the manifest of "${name}": there is no extensions/${name}/${MANIFEST_FILE}`,
      );
    }
    return this.#shown(manifest);
  }

  async sync(): Promise<ConfigSynced> {
    const { synced, skipped, problems } = await this.#sync();
    this.#options.onChange();
    const names = { synced: [...synced], skipped: [...skipped] };
    return { success: true, ...names, problems: [...problems] };
  }

  #sync(): Promise<Installed> {
    const { paths, config } = this.#options;
    return syncInstalled({ paths, config });
  }

  #shown(content: Content): Content {
    return withoutSecrets(content, this.#options.secrets());
  }

  async #change({ ifMatch, yours, next }: Change): Promise<ConfigChanged> {
    const { config, restart, onChange, log } = this.#options;
    let before: MasterConfig | undefined;
    const written = await config.update((draft, revision) => {
      before = structuredClone(draft);
      if (ifMatch !== undefined && !matchesRevision(ifMatch, revision)) {
        throw this.#stale(yours, draft, revision);
      }
      const content = checked(next(draft), draft);
      for (const name of Object.keys(draft)) delete draft[name];
      Object.assign(draft, content);
    });
    // The files of extensions follow. The change itself is done, whatever becomes of them.
    await this.#sync().catch((error: unknown) => log.error(messageOf(error)));
    onChange();
    const after = config.last ?? written;
    return {
      updated: true,
      revision: revisionOf(after),
      changed: changedNames(before, written),
      needs_restart: await restart.needed(after),
    };
  }

  #stale(yours: unknown, current: Content, revision: string): ConflictError {
    const details: ConfigConflict = {
      yours: isRecord(yours) ? this.#shown(yours) : yours,
      current: this.#shown(current),
      revision,
    };
    return new ConflictError(
      "Cannot change the configuration: somebody else has changed it meanwhile; look at both versions, then send yours with the present revision",
      { details },
    );
  }
}

function asContent(value: unknown): Content {
  return isRecord(value) ? value : {};
}

/** Names become folders and paths; those that are there already stay, whoever put them there. */
function refusedName(next: MasterConfig, before: MasterConfig): string | undefined {
  for (const section of ["extensions", "mcp_servers"] as const) {
    for (const name of Object.keys(next[section])) {
      const { error } = ThingName.safeParse(name);
      if (error === undefined || Object.hasOwn(before[section], name)) continue;
      return `${section}.${name}: ${error.issues[0]?.message}`;
    }
  }
  const misnamed = Object.entries(next.mcp_servers).find(([name, server]) => server.name !== name);
  if (misnamed !== undefined) {
    return `mcp_servers.${misnamed[0]}.name: is "${misnamed[1].name}", it should be "${misnamed[0]}"`;
  }
  return undefined;
}

/** @throws InvalidInputError that names the field */
function checked(next: Content, before: MasterConfig): MasterConfig {
  if (isDeeperThan(next, LEVELS_MAX)) throw refusal(`it is over ${LEVELS_MAX} levels deep`);
  const parsed = MasterConfig.safeParse(next);
  if (!parsed.success) {
    throw refusal(explain(parsed.error), fieldName(parsed.error.issues[0]?.path ?? []));
  }
  const name = refusedName(parsed.data, before);
  if (name !== undefined) throw refusal(name, name.split(":")[0]);
  if (JSON.stringify(parsed.data).length > CONFIG_CHARACTERS_MAX) {
    throw refusal(`it is over ${CONFIG_CHARACTERS_MAX} characters long`);
  }
  return parsed.data;
}

function refusal(why: string, field?: string): InvalidInputError {
  return new InvalidInputError(`Cannot change the configuration: ${why}`, {
    ...(field === undefined ? {} : { details: { field } }),
  });
}
