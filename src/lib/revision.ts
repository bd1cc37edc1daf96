/** What tells one content from any other: for writers who must not replace what they have not seen. */
import { createHash } from "node:crypto";

const HEX_DIGITS = 32;

/** 32 hex digits of SHA-256 over a JSON value: another content has another one, however its file is laid out. */
export function revisionOf(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, HEX_DIGITS);
}

/** Whether an `If-Match` header (RFC 9110, 13.1.1) lets through; weak validators never do. */
export function matchesRevision(header: string, revision: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim() === `"${revision}"`);
}
