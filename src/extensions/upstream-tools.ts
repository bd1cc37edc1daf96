/** Tools of other MCP servers as an extension's own: their names, and whoever asks those servers. */
import { createHash } from "node:crypto";
import type { ToolDescription } from "../contract/tool.ts";
import type { Callable } from "./callable.ts";

const NAME_LENGTH_MAX = 64;
const HASH_LENGTH = 8;

interface UpstreamTool {
  /** With the name that Luna offers it by. */
  description: ToolDescription;
  run: Callable["run"];
}

export interface UpstreamList {
  server: string;
  tools: readonly UpstreamTool[];
  /** Why it could not be asked; its tools are those that it had before. */
  problem?: string;
}

export interface UpstreamServers {
  /** The tools of each server; never rejects. */
  load(): Promise<readonly UpstreamList[]>;
}

/**
 * `TRACKER_find-issue` for the tool `find-issue` of the server `tracker`: the same for ever, never one of two servers',
 * and such as every client takes. What has other characters, or is too long, is told apart by a hash.
 */
export function upstreamToolName(server: string, tool: string): string {
  const prefix = `${server.toUpperCase()}_`;
  const plain = prefix + tool;
  if (/^[A-Za-z0-9_-]+$/.test(plain) && plain.length <= NAME_LENGTH_MAX) return plain;
  const hash = createHash("sha256").update(tool).digest("hex").slice(0, HASH_LENGTH);
  const cleaned = plain.replace(/[^A-Za-z0-9_-]/g, "_");
  return `${cleaned.slice(0, NAME_LENGTH_MAX - HASH_LENGTH - 1)}_${hash}`;
}
