/** The names under which tools are offered: of two that have the same one, the second gets its extension's in front. */
import { createHash } from "node:crypto";

/** What MCP clients and model APIs take (`ToolName`). */
const LENGTH_MAX = 64;
const DIGEST_LENGTH = 8;

/**
 * `<extension>__<tool>`; where that is too long, or `attempt` says that it is taken, cut to make room for a digest of
 * the whole, so that two names that begin alike stay two.
 */
export function namespacedName(extension: string, tool: string, attempt = 0): string {
  const whole = `${extension}__${tool}`;
  if (whole.length <= LENGTH_MAX && attempt === 0) return whole;
  const subject = attempt === 0 ? whole : `${whole} ${attempt}`;
  const digest = createHash("sha256").update(subject).digest("hex").slice(0, DIGEST_LENGTH);
  return `${whole.slice(0, LENGTH_MAX - DIGEST_LENGTH - 1)}_${digest}`;
}

/**
 * A name that nobody has in `taken`. The same extensions in the same order give the same names, and one that
 * comes after them changes none.
 */
export function freeName(
  extension: string,
  tool: string,
  taken: { has(name: string): boolean },
): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = namespacedName(extension, tool, attempt);
    if (!taken.has(name)) return name;
  }
}
