/** What of master_config.json is shown to nobody, and outlives a writer who was not shown it. */
import { redact } from "../lib/log.ts";
import { isRecord } from "../lib/record.ts";

/** Sections that are not shown at all. */
const HIDDEN: ReadonlySet<string> = new Set(["service_api_keys"]);
/** Names under which people keep secrets in settings, such as `api_key` and `imapPassword`. */
const SECRET_NAME =
  /(?:api|access|private|client|secret)[_-]?(?:key|token|secret)$|(?:token|secret|password|passphrase|passwd)$/i;

type Secrets = readonly string[];

/** Parameters of an address that carry one. */
const SECRET_PARAMETER = /key|token|secret|password|signature|auth/i;

/** An address that lets in whoever has it. */
function hasCredentials(value: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(value) || !URL.canParse(value)) return false;
  const { password, searchParams } = new URL(value);
  return password !== "" || [...searchParams.keys()].some((name) => SECRET_PARAMETER.test(name));
}

/** A list with anything secret in it is secret as a whole: who writes a part of it back would lose the rest. */
function isSecret(name: string, value: unknown, secrets: Secrets): boolean {
  if (Array.isArray(value)) return value.some((one) => holdsSecret(name, one, secrets));
  if (typeof value !== "string" || value === "") return false;
  if (SECRET_NAME.test(name) || hasCredentials(value)) return true;
  return redact(value, secrets) !== value;
}

function holdsSecret(name: string, value: unknown, secrets: Secrets): boolean {
  if (!isRecord(value)) return isSecret(name, value, secrets);
  return Object.entries(value).some(([inner, one]) => holdsSecret(inner, one, secrets));
}

type Members = Readonly<Record<string, unknown>>;

function shown(members: Members, secrets: Secrets): Record<string, unknown> {
  const open = Object.entries(members).filter(([name, value]) => !isSecret(name, value, secrets));
  return Object.fromEntries(
    open.map(([name, value]) => [name, isRecord(value) ? shown(value, secrets) : value]),
  );
}

/** A copy without anything secret. `secrets` are values that are known to be, wherever they stand. */
export function withoutSecrets(config: Members, secrets: Secrets): Record<string, unknown> {
  const sections = Object.entries(config).filter(([name]) => !HIDDEN.has(name));
  return shown(Object.fromEntries(sections), secrets);
}

function kept(before: Members, next: Members, secrets: Secrets): Record<string, unknown> {
  const members = new Map(Object.entries(next));
  for (const [name, value] of Object.entries(before)) {
    const other = members.get(name);
    if (!members.has(name) && isSecret(name, value, secrets)) members.set(name, value);
    else if (isRecord(value) && isRecord(other)) members.set(name, kept(value, other, secrets));
  }
  return Object.fromEntries(members);
}

/** `next` with the secrets of `before` that it lacks, where what they belong to is still there. */
export function keepingSecrets(
  before: Members,
  next: Members,
  secrets: Secrets,
): Record<string, unknown> {
  const hidden = Object.entries(before).filter(([name]) => HIDDEN.has(name));
  return { ...Object.fromEntries(hidden), ...kept(before, next, secrets) };
}
