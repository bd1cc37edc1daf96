/** Changes to what is installed, built and connected: the queue, its runs, and how they get at what runs. */
import type { AuditTrail } from "../audit/trail.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { UpdateSettings } from "../contract/config.ts";
import type { Problem } from "../contract/process.ts";
import type { RunView } from "../contract/run.ts";
import type { CoreUpdate } from "../core-update/core-update.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Sources } from "../sources/sources.ts";
import { QueueStore } from "../updates/queue-store.ts";
import { Runs } from "../updates/runs.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import type { Docker } from "./external-services/docker.ts";
import type { ExternalServices } from "./external-services/external-services.ts";
import type { HeldExtensions } from "./held-extensions.ts";
import type { InstalledWatch } from "./installed-watch.ts";
import { liveExtensions } from "./live-extensions.ts";
import { problemFrom } from "./overview.ts";
import { Power } from "./power.ts";
import type { ProcessTable } from "./process/process-table.ts";
import { Queue } from "./queue.ts";
import { QueueFiles } from "./queue-files.ts";
import type { ToolHosts } from "./tool-hosts.ts";
import { updateParts } from "./update-parts.ts";

const LUNA = { actor: { kind: "system", name: "luna" }, address: null } as const;

interface UpdatesOptions {
  context: SpecContext;
  config: MasterConfigStore;
  processes: ProcessTable;
  toolHosts: ToolHosts;
  held: HeldExtensions;
  installed(): Pick<InstalledWatch, "sync">;
  secrets(): readonly string[];
  audit: Pick<AuditTrail, "record">;
  log: Logger;
  /** What changes things is told to everybody who looks. */
  onRun(view: RunView): void;
  onChange(): void;
  coreUpdate: CoreUpdate;
  services: Pick<ExternalServices, "installService">;
  docker: Pick<Docker, "fault">;
  sources: Pick<Sources, "fetch">;
}

export function createUpdates(options: UpdatesOptions) {
  const { context, config, processes, log, audit } = options;
  const { paths } = context;
  const store = new QueueStore(paths);
  const bringing = updateParts({
    ...{ context, coreUpdate: options.coreUpdate },
    ...{ services: options.services, sources: options.sources },
    onNewProgram: () => power.again(),
  });
  const live = liveExtensions({ ...options, paths });
  const graceMs = () => (config.last?.updates ?? UpdateSettings.parse({})).health_grace_ms;
  const runs = new Runs({
    ...{ paths, queue: store, audit, log, onChange: options.onRun },
    parts: { paths, config, live, graceMs, log, ...bringing },
  });
  const queue = new Queue({
    ...{ paths, config, store, runs, fetch: bringing.fetch, processes, secrets: options.secrets },
    docker: options.docker,
    setSecrets: async (names) => new Set(Object.keys(await settingsOf(context, names))),
  });
  const power = new Power({ paths, queue, runs });
  const files = new QueueFiles({ paths, store, log, onChange: options.onChange });
  const found: Problem[] = [];
  const note = (id: string, text: string, fix: string): void => {
    log.error(text);
    found.push(problemFrom(id, text, fix));
  };
  return {
    ...{ queue, runs, power },
    problems: (): readonly Problem[] => [...files.problems, ...found],
    /** Before anything of an extension runs: nothing is half changed afterwards. */
    recover: async (): Promise<void> => {
      for (const extension of await runs.recover()) processes.disown(extension);
      for (const text of runs.problems) {
        note(`run-${found.length}`, text, "Look at what it names, then start Luna again.");
      }
    },
    /** Goes on with a run that was interrupted; a new `luna up` applies the saved queue (specification 4.2). */
    begin: async (): Promise<void> => {
      await files.start();
      try {
        if ((await runs.resume()) !== undefined || !processes.isFirst) return;
        if (files.problems.length > 0) return;
        if ((await store.current()) !== undefined) await runs.applySaved(LUNA);
      } catch (error) {
        note("queue", messageOf(error), "Apply the queue again, or remove it.");
      }
    },
  };
}
