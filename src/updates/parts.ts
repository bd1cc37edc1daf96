/** What a run needs of others: getting sources, installing packages, external services, and what runs of an extension. */
import type { ServiceConfig } from "../contract/external-service.ts";
import type { QueueOperation } from "../contract/queue.ts";

export interface Fetched {
  /** Canonical and pinned: what the entry in master_config.json says. */
  source: string;
  /** The commit, or "sha256:…" of the archive. */
  resolved: string;
  bytes: number;
  files: number;
}

interface FetchOptions {
  /** The folder to make; its parent is there. */
  into: string;
  signal?: AbortSignal;
  onProgress?(progress: { bytes: number; total?: number }): void;
}

/** Gets a source into a folder, whole or not at all. */
export type Fetch = (source: string, options: FetchOptions) => Promise<Fetched>;

/** Installs what an extension's package.json and requirements.txt ask for, within its folder. */
export type InstallPackages = (options: {
  folder: string;
  /** Whether scripts of packages may run. */
  trusted: boolean;
  log(line: string): void;
  signal: AbortSignal;
}) => Promise<{ installed: string[]; problems: string[] }>;

export type InstallService = (
  name: string,
  options: {
    config: ServiceConfig;
    definition?: Record<string, unknown> | undefined;
    log(line: string): void;
    signal: AbortSignal;
  },
) => Promise<void>;

/** Puts another program of Luna into place, which begins with its next start; the error says why it cannot. */
export type UpdateCore = (
  operation: Extract<QueueOperation, { type: "update_core" }>,
  options: { run: string; log(line: string): void; signal: AbortSignal },
) => Promise<void>;

/** How an extension is after its start. */
export type Wellness =
  | { well: true; warnings: string[] }
  | { well: false; reason: string; last_lines: string[] };

/** What runs of the extensions. */
export interface LiveExtensions {
  /** Ends what runs of it once its calls are answered; until `release`, new calls wait and nothing of it starts. */
  hold(extension: string): Promise<void>;
  release(extension: string): void;
  /** Brings what runs in line with what is installed and enabled now: ports, routes, processes, tools. */
  sync(): Promise<void>;
  /** Waits until all of it is well, or surely is not. */
  untilWell(extension: string, graceMs: number, signal: AbortSignal): Promise<Wellness>;
  /** Removes what is left of one that is gone: the description of its tools, its names among the processes. */
  forget(extension: string): Promise<void>;
}
