/** The order in which a run does its operations (specification 4.3), and how people are told of them. */
import type { OperationType, OperationView, QueueOperation } from "../contract/queue.ts";

/** What is taken away goes first, what others may need before what needs it, Luna itself last. */
const PHASES: readonly OperationType[] = [
  "delete",
  "install",
  "update",
  "settings",
  "disable",
  "install_external_service",
  "enable",
  "update_core",
];

/** In the order of phases; within one, as they were given. */
export function inPhases(operations: readonly QueueOperation[]): QueueOperation[] {
  return PHASES.flatMap((phase) => operations.filter(({ type }) => type === phase));
}

export function targetOf(operation: QueueOperation): string {
  if ("target" in operation) return operation.target;
  return operation.type === "update_core" ? "luna" : operation.name;
}

/** Values of settings may be secrets: they are told by name. */
export function viewOf(operation: QueueOperation): OperationView {
  const settings = "config" in operation ? Object.keys(operation.config) : [];
  const { type } = operation;
  const source = type === "install" || type === "update" ? operation.source : undefined;
  return {
    type,
    target: targetOf(operation),
    ...(source === undefined ? {} : { source }),
    ...(type === "update_core" ? { source: operation.target_version } : {}),
    ...(settings.length === 0 ? {} : { settings }),
  };
}
