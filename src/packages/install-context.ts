/** What every part of an install is given. */
import type { TreeBounds } from "./tree-size.ts";

export interface InstallBounds extends TreeBounds {
  /** For each command of the install. */
  timeoutMs: number;
}

export interface InstallContext {
  /** The staged extension. */
  folder: string;
  /** Of packages, shared by all extensions. */
  cache: string;
  /** Whether packages and the extension may run scripts while they are installed, and choose their registries. */
  trusted: boolean;
  /** The program that is Bun, with `BUN_BE_BUN=1`. */
  bun: string;
  /** Nothing but the cache. */
  offline: boolean;
  bounds: InstallBounds;
  /** The clean environment of package managers. */
  env: Readonly<Record<string, string>>;
  /** Another one for each command. */
  mark(): string;
  log(line: string): void;
  signal: AbortSignal | undefined;
}
