/** The update queue as the control API knows it: the saved draft, its preview, and its run. */
import { statfs } from "node:fs/promises";
import { z } from "zod";
import { keepingSecrets, withoutSecrets } from "../config/config-secrets.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import { PORT_RANGES } from "../config/ports.ts";
import type { Caller } from "../contract/audit.ts";
import type { MasterConfig } from "../contract/config.ts";
import { ABOUT } from "../contract/config-api.ts";
import {
  type Preview,
  type QueueFile,
  type QueueOperation,
  QueueStatus,
} from "../contract/queue.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import { revisionOf } from "../lib/revision.ts";
import { conflictsOf, nameOfChange } from "../updates/config-changes.ts";
import { factsOf } from "../updates/operation-facts.ts";
import type { Fetch } from "../updates/parts.ts";
import { inPhases } from "../updates/plan.ts";
import { type MachineFacts, previewOf } from "../updates/preview.ts";
import type { QueueStore } from "../updates/queue-store.ts";
import type { Runs } from "../updates/runs.ts";
import type { Docker } from "./external-services/docker.ts";
import type { ProcessTable } from "./process/process-table.ts";

/** Getting all sources for a preview may take this long. */
const PREVIEW_TIMEOUT_MS = 120_000;

export interface QueueOptions {
  paths: Paths;
  config: MasterConfigStore;
  store: QueueStore;
  runs: Runs;
  fetch: Fetch;
  processes: Pick<ProcessTable, "all">;
  docker: Pick<Docker, "fault">;
  /** Values that are shown nowhere. */
  secrets(): readonly string[];
  /** The names of the secrets that have a value. */
  setSecrets(names: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What a configuration that was read says of itself. */
const Seen = z.looseObject({ revision: z.string() });

type Ranges = MachineFacts["freePorts"];

function freePorts({ port_assignments }: MasterConfig): Ranges {
  const free = (kind: keyof Ranges): number => {
    const { first, last } = PORT_RANGES[kind];
    const given = Object.values(port_assignments[kind]).filter((port) => port !== null);
    return last - first + 1 - given.length;
  };
  return { extensions: free("extensions"), services: free("services") };
}

export class Queue {
  readonly #options: QueueOptions;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** The saved queue, without what Luna keeps beside it and what may be a secret. */
  async current(): Promise<Record<string, unknown> | undefined> {
    const queue = await this.#options.store.current();
    if (queue === undefined) return undefined;
    return this.#shown(queue);
  }

  #shown({ config_changes: _, ...queue }: QueueFile): Record<string, unknown> {
    return withoutSecrets(queue, this.#options.secrets());
  }

  async status(): Promise<QueueStatus> {
    const { store, runs } = this.#options;
    const [queue, failed, attempts] = await Promise.all([
      ...[store.current(), store.failed()],
      store.attempts(),
    ] as const);
    const shown = queue === undefined ? {} : this.#shown(queue);
    return QueueStatus.parse({
      exists: queue !== undefined,
      operation_count: queue?.operations.length ?? 0,
      operations: shown["operations"] ?? [],
      attempts,
      failed: failed === undefined ? null : this.#shown(failed),
      run_id: runs.activeId,
    });
  }

  async save(queue: QueueFile): Promise<void> {
    const { store, config, secrets } = this.#options;
    const present = await config.read();
    const { master_config } = queue;
    if (master_config === undefined) return store.save(queue, present);
    const { [ABOUT]: about, ...sent } = master_config;
    const seen = Seen.safeParse(about).data?.revision;
    if (seen !== undefined && seen !== revisionOf(present)) {
      throw new ConflictError(
        "Cannot save the queue: the configuration has changed since it was read; read it again",
        { details: { revision: revisionOf(present) } },
      );
    }
    // Whoever was not shown the secrets does not mean to take them away.
    return store.save(queue, present, keepingSecrets(present, sent, secrets()));
  }

  remove(): Promise<void> {
    return this.#options.store.remove();
  }

  retryFailed(): Promise<QueueFile> {
    return this.#options.store.retryFailed();
  }

  discardFailed(): Promise<readonly QueueOperation[]> {
    return this.#options.store.discardFailed();
  }

  /** @returns the id of the run */
  apply(operations: readonly QueueOperation[] | undefined, by: Caller): Promise<string> {
    const { runs } = this.#options;
    return operations === undefined ? runs.applySaved(by) : runs.apply(operations, by);
  }

  /** Of the given operations; of the saved queue without any. */
  async preview(
    given: readonly QueueOperation[] | undefined,
    client: AbortSignal,
  ): Promise<Preview> {
    const { paths, config, store, fetch, processes } = this.#options;
    const saved = given === undefined ? await store.current() : undefined;
    if (given === undefined && saved === undefined) {
      throw new NotFoundError("Cannot show what the queue would do: none is saved");
    }
    const changes = saved?.config_changes ?? [];
    const present = await config.read();
    const signal = AbortSignal.any([client, AbortSignal.timeout(PREVIEW_TIMEOUT_MS)]);
    const running = (extension: string): string[] =>
      processes.all().flatMap(({ spec }) => (spec.extension === extension ? [spec.name] : []));
    const facts = [];
    for (const operation of inPhases(given ?? saved?.operations ?? [])) {
      facts.push(await factsOf(operation, { paths, config: present, fetch, running, signal }));
    }
    const secrets = facts.flatMap(({ found }) => found?.inspected.manifest.required_secrets ?? []);
    const machine = await this.#machine(
      present,
      secrets.map(({ name }) => name),
    );
    return previewOf(facts, {
      machine,
      config: {
        changes: changes.map(nameOfChange),
        conflicts: conflictsOf(present, changes).map(nameOfChange),
      },
    });
  }

  async #machine(config: MasterConfig, secrets: readonly string[]): Promise<MachineFacts> {
    const { bavail, bsize } = await statfs(this.#options.paths.home);
    const set = await this.#options.setSecrets(secrets);
    return {
      freeBytes: bavail * bsize,
      dockerProblem: (await this.#options.docker.fault())?.title ?? null,
      freePorts: freePorts(config),
      isSet: (secret) => set.has(secret),
    };
  }
}
