/** A definition as it is written, and as Luna uses it: one form, whichever way it was written in. */
import {
  COMMAND_NAMES,
  type Commands,
  ServiceDefinition,
  WrittenDefinition,
} from "../contract/external-service.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { publishedLocally, risksOf } from "./published-ports.ts";

/** The commands wherever they stand; those of the older form have `_cmd` behind their names. */
function commandsOf(written: WrittenDefinition): Commands {
  const { commands } = written;
  if (commands !== undefined) return commands;
  const found = COMMAND_NAMES.flatMap((name) => {
    const command = written[`${name}_cmd`];
    return command === undefined ? [] : [[name, command] as const];
  });
  // The schema has seen to it that at least `install` is there.
  return { install: "", ...Object.fromEntries(found) };
}

/** @param form of the file `config-form.json`, for a definition that has none itself */
export function definitionFrom(written: WrittenDefinition, form?: unknown): ServiceDefinition {
  const { config_form = form ?? [] } = written;
  const commands = commandsOf(written);
  const kept = Object.entries(commands).map(([name, command]) => [
    name,
    written.expose_ports || typeof command !== "string" ? command : publishedLocally(command),
  ]);
  return ServiceDefinition.parse({
    ...written,
    commands: Object.fromEntries(kept),
    config_form: Array.isArray(config_form) ? { fields: config_form } : config_form,
  });
}

/** @throws InvalidInputError that names the fields that are wrong */
export function parseDefinition(value: unknown): ServiceDefinition {
  const parsed = WrittenDefinition.safeParse(value);
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot use this definition: ${explain(parsed.error)}`, {
      details: parsed.error.issues,
      cause: parsed.error,
    });
  }
  return definitionFrom(parsed.data);
}

/** What a person should know before it is installed. */
export function notesOf({ commands }: ServiceDefinition): string[] {
  return COMMAND_NAMES.flatMap((name) => {
    const command = commands[name];
    if (command === undefined) return [];
    return risksOf(command).map((risk) => `The ${name} command ${risk}.`);
  });
}

/** Whether it needs Docker. */
export function usesDocker({ commands }: ServiceDefinition): boolean {
  return COMMAND_NAMES.some((name) => /\bdocker\b/.test(commands[name] ?? ""));
}
