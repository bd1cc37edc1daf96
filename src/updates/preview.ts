/** What operations would do, told before anything is done. Pure, out of facts that somebody gathered. */
import type { OperationType, Preview, PreviewUnit, QueueOperation } from "../contract/queue.ts";
import type { Inspected } from "./inspect.ts";
import { viewOf } from "./plan.ts";

/** What is known of one operation. */
export interface OperationFacts {
  operation: QueueOperation;
  /** Of an installation or an update, what its source has now. */
  found?: { resolved: string; bytes: number; inspected: Inspected };
  /** The bytes of its data, which an update carries over. */
  dataBytes?: number;
  /** What runs of the extension, by its name in state.json. */
  running: readonly string[];
  problems: readonly string[];
}

export interface MachineFacts {
  freeBytes: number;
  /** Why Docker cannot be used; null when it can. */
  dockerProblem: string | null;
  /** How many ports of each range are left. */
  freePorts: { extensions: number; services: number };
  /** Whether a secret has a value. */
  isSet(secret: string): boolean;
}

/** Unpacked packages and what is carried over need room beside what is there. */
const ROOM_FACTOR = 3;
const ROOM_MIN_BYTES = 64 * 1024 ** 2;
const MEGABYTE = 1024 ** 2;

function effectOf(type: OperationType, running: readonly string[]): PreviewUnit["effect"] {
  if (type === "update_core") return "needs restart";
  return running.length > 0 ? "restarts" : "applies now";
}

function unitOf(facts: OperationFacts, isSet: MachineFacts["isSet"]): PreviewUnit {
  const { operation, found, running, problems } = facts;
  const secrets = found?.inspected.manifest.required_secrets ?? [];
  return {
    operation: viewOf(operation),
    phase: operation.type,
    effect: effectOf(operation.type, running),
    restarts: [...running],
    ...(found === undefined ? {} : { resolved: found.resolved }),
    ...(found === undefined ? {} : { version: found.inspected.manifest.version }),
    secrets: secrets.map(({ name, label }) => ({
      ...{ name, set: isSet(name) },
      ...(label === undefined ? {} : { label }),
    })),
    permissions: found?.inspected.permissions ?? [],
    commands: found?.inspected.commands ?? [],
    problems: [...problems],
    warnings: found?.inspected.warnings ?? [],
  };
}

function sizeText(bytes: number): string {
  return `${Math.ceil(bytes / MEGABYTE)} MB`;
}

function checksOf(all: readonly OperationFacts[], machine: MachineFacts): Preview["checks"] {
  const bytes = all.reduce(
    (sum, { found, dataBytes = 0 }) => sum + (found?.bytes ?? 0) + dataBytes,
    0,
  );
  const needed = Math.max(ROOM_MIN_BYTES, bytes * ROOM_FACTOR);
  const { freeBytes, freePorts, dockerProblem } = machine;
  const commands = all.flatMap(({ found }) => found?.inspected.commands ?? []);
  const count = (beginning: string) =>
    commands.filter(({ name }) => name.startsWith(beginning) && name.endsWith("start.sh")).length;
  const hasRoom = freeBytes >= needed;
  const hasPorts = count("ui/") <= freePorts.extensions && count("services/") <= freePorts.services;
  const wantsDocker = all.some(({ operation }) => operation.type === "install_external_service");
  return [
    {
      name: "disk",
      ok: hasRoom,
      text: `${sizeText(freeBytes)} are free, about ${sizeText(needed)} are needed`,
    },
    {
      name: "ports",
      ok: hasPorts,
      text: `${freePorts.extensions} ports are left for UIs, ${freePorts.services} for services`,
    },
    ...(wantsDocker
      ? [{ name: "docker", ok: dockerProblem === null, text: dockerProblem ?? "Docker answers" }]
      : []),
  ];
}

export function previewOf(
  all: readonly OperationFacts[],
  options: { machine: MachineFacts; config: Preview["config"] },
): Preview {
  return {
    units: all.map((facts) => unitOf(facts, options.machine.isSet)),
    config: options.config,
    checks: checksOf(all, options.machine),
  };
}
