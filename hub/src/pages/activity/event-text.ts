/** What an event of the audit log says, in a few words each. */
import type { AuditEvent } from "../../../../src/contract/audit.ts";

const KINDS: Readonly<Record<AuditEvent["actor"]["kind"], string>> = {
  owner: "",
  key: "key",
  client: "client",
  local: "this machine",
  system: "Luna",
  anonymous: "a stranger",
};

/** "owner", "phone (key)", "a stranger". */
export function actorText({ kind, name }: AuditEvent["actor"]): string {
  const word = KINDS[kind];
  if (name === "" || kind === "system") return word;
  return word === "" ? name : `${name} (${word})`;
}

/** "12.3 ms", "1.2 s", or nothing. */
export function tookText({ duration_ms }: AuditEvent): string {
  if (duration_ms === null) return "";
  if (duration_ms < 1_000) return `${Math.round(duration_ms * 10) / 10} ms`;
  return `${Math.round(duration_ms / 100) / 10} s`;
}

/** "from 192.0.2.1", "method link"; nothing of what is not. */
export function detailsText({ address, details }: AuditEvent): string[] {
  const facts = Object.entries(details ?? {}).flatMap(([name, value]) => {
    if (value === null) return [];
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return [`${name.replaceAll("_", " ")} ${text}`];
  });
  return address === null ? facts : [`from ${address}`, ...facts];
}
