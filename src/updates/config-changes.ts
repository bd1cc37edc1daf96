/** What a saved queue changes in master_config.json, value by value, so that nothing that changed meanwhile is lost. */
import type { MasterConfig } from "../contract/config.ts";
import { ThingName } from "../contract/names.ts";
import type { ConfigChange, QueueOperation } from "../contract/queue.ts";
import { isRecord } from "../lib/record.ts";

type Values = Record<string, unknown>;

/** The supervisor's own, and what would be no value but the object's parent. */
const NOT_FOR_QUEUES: ReadonlySet<string> = new Set(["port_assignments", "__proto__"]);

function own(values: Values, name: string): unknown {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/**
 * Everything in which `wanted` differs from `base`, as deep as both have keys. A section that `wanted` does not have
 * is not spoken of: whoever knows half of the configuration takes nothing of the other half away.
 */
export function changesBetween(base: Values, wanted: Values): ConfigChange[] {
  const spoken = Object.entries(base).filter(([section]) => Object.hasOwn(wanted, section));
  return differences(Object.fromEntries(spoken), wanted);
}

function differences(base: Values, wanted: Values): ConfigChange[] {
  const names = [...new Set([...Object.keys(base), ...Object.keys(wanted)])];
  return names.flatMap((name): ConfigChange[] => {
    if (NOT_FOR_QUEUES.has(name)) return [];
    const [before, after] = [own(base, name), own(wanted, name)];
    if (Bun.deepEquals(before, after)) return [];
    if (isRecord(before) && isRecord(after)) {
      return differences(before, after).map(({ path, ...change }) => ({
        path: [name, ...path],
        ...change,
      }));
    }
    return [{ path: [name], before, after }];
  });
}

/** Without what the operations of the same queue bring about by themselves. */
export function withoutOperations(
  changes: readonly ConfigChange[],
  operations: readonly QueueOperation[],
): ConfigChange[] {
  const isTheirs = ({ path: [section, name, field] }: ConfigChange): boolean =>
    operations.some((operation) => {
      if (section !== "extensions" || !("target" in operation) || operation.target !== name) {
        return false;
      }
      if (operation.type === "install" || operation.type === "delete") return field === undefined;
      return operation.type === "update" && field === "source";
    });
  return changes.filter((change) => !isTheirs(change) && !isSourceOf(change, operations));
}

/** An installation writes where it came from, pinned. */
function isSourceOf({ path }: ConfigChange, operations: readonly QueueOperation[]): boolean {
  const [section, name, field] = path;
  return (
    section === "extensions" &&
    field === "source" &&
    operations.some((one) => one.type === "install" && one.target === name)
  );
}

function valueAt(config: Values, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (isRecord(value) ? own(value, name) : undefined),
    config,
  );
}

function setAt(config: Values, path: readonly string[], after: unknown): void {
  const last = path.at(-1) ?? "";
  let place: Values = config;
  for (const name of path.slice(0, -1)) {
    const next = own(place, name);
    if (isRecord(next)) place = next;
    else {
      const made: Values = {};
      place[name] = made;
      place = made;
    }
  }
  if (after === undefined) delete place[last];
  else place[last] = structuredClone(after);
}

/** What becomes a folder or a path has to be a name: why one is none, in a sentence. */
export function refusedName(changes: readonly ConfigChange[]): string | undefined {
  for (const { path, after } of changes) {
    const [section = "", name] = path;
    if (section !== "extensions" && section !== "mcp_servers") continue;
    const names = name === undefined && isRecord(after) ? Object.keys(after) : [name ?? ""];
    for (const one of names) {
      const { error } = ThingName.safeParse(one);
      if (error !== undefined) return `${section}.${one}: ${error.issues[0]?.message}`;
    }
  }
  return undefined;
}

export function nameOfChange({ path }: ConfigChange): string {
  return path.join(".");
}

/** Those that cannot be made: somebody gave the value another one since. */
export function conflictsOf(
  config: MasterConfig,
  changes: readonly ConfigChange[],
): readonly ConfigChange[] {
  return changes.filter(({ path, before, after }) => {
    const now = valueAt(config, path);
    return !Bun.deepEquals(now, before) && !Bun.deepEquals(now, after);
  });
}

/** Makes those that can be made, in `config` itself; answers with the others. */
export function applyChanges(
  config: MasterConfig,
  changes: readonly ConfigChange[],
): readonly ConfigChange[] {
  const conflicts = conflictsOf(config, changes);
  for (const change of changes) {
    if (!conflicts.includes(change)) setAt(config, change.path, change.after);
  }
  return conflicts;
}
