/** Checks what somebody filled into a service's form, field by field, and fills in what they left to Luna. */
import { valueRefusal } from "../config/env-file.ts";
import type {
  ConfigField,
  ServiceConfig,
  ServiceDefinition,
} from "../contract/external-service.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { placeholdersIn } from "./template.ts";

/** What stands in place of a password wherever a configuration is shown; sent back, it means "as it was". */
const PASSWORD_MASK = "••••••••";

type Value = string | number | boolean;
export type FilledConfig = Record<string, Value>;

const PORT_MAX = 65_535;

class Refused extends Error {}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function textOf(value: Value): string {
  const refusal = valueRefusal(String(value));
  if (refusal !== undefined) throw new Refused(refusal);
  return String(value);
}

function numberOf(value: Value): number {
  const number = typeof value === "boolean" ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) throw new Refused("should be a number");
  return number;
}

function booleanOf(value: Value): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new Refused("should be true or false");
}

function choiceOf(value: Value, options: readonly string[]): string {
  if (options.length > 0 && !options.includes(String(value))) {
    throw new Refused(`should be one of ${options.join(", ")}`);
  }
  return textOf(value);
}

function checked(field: ConfigField, value: Value): Value {
  switch (field.type) {
    case "text":
    case "password":
      return textOf(value);
    case "number":
      return numberOf(value);
    case "checkbox":
      return booleanOf(value);
    case "select":
      return choiceOf(value, field.options ?? []);
  }
}

/** What was given, else what was there, else what the definition proposes. */
function chosen(field: ConfigField, given: unknown, stored: unknown): unknown {
  const isKept = given === undefined || (field.type === "password" && given === PASSWORD_MASK);
  if (!isKept) return given;
  if (!isEmpty(stored)) return stored;
  return field.default ?? (field.type === "checkbox" ? false : undefined);
}

function isScalar(value: unknown): value is Value {
  return ["string", "number", "boolean"].includes(typeof value);
}

function filledField(field: ConfigField, given: unknown, stored: unknown): Value {
  const value = chosen(field, given, stored);
  if (isEmpty(value)) {
    if (field.required) throw new Refused("is required");
    return "";
  }
  if (!isScalar(value)) throw new Refused("should be text, a number, true or false");
  return checked(field, value);
}

function requirePort(value: Value | undefined): void {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return;
  throw new Refused(`should be a port from 1 to ${PORT_MAX}, as the service's page is there`);
}

/** Names that have no field and are used all the same. */
function freeNames({
  commands,
  post_install_env,
  provides_vars,
  ui,
}: ServiceDefinition): Set<string> {
  const templates = [...Object.values(commands), ...Object.values(post_install_env)];
  const used = templates.flatMap((text) => (typeof text === "string" ? placeholdersIn(text) : []));
  const provided = provides_vars.map((name) => name.toLowerCase());
  return new Set([...used, ...provided, "port", (ui?.port_field ?? "port").toLowerCase()]);
}

/**
 * The whole configuration.
 * @param stored that of an earlier installation, which stays where nothing else is given
 * @throws InvalidInputError that tells of each field what it should be; it never shows a value
 */
export function fillForm(
  definition: ServiceDefinition,
  given: ServiceConfig,
  stored: Readonly<Record<string, unknown>> = {},
): FilledConfig {
  const { config_form, ui } = definition;
  const { installed_at: _ours, ...rest } = given;
  const filled: FilledConfig = {};
  const faults: { field: string; message: string }[] = [];
  const attempt = (field: string, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      faults.push({ field, message: error.message });
    }
  };
  for (const field of config_form.fields) {
    attempt(field.name, () => {
      filled[field.name] = filledField(field, rest[field.name], stored[field.name]);
    });
  }
  const known = new Set(config_form.fields.map(({ name }) => name));
  const free = freeNames(definition);
  for (const name of new Set([...Object.keys(rest), ...Object.keys(stored)])) {
    const value = Object.hasOwn(rest, name) ? rest[name] : stored[name];
    if (known.has(name) || !isScalar(value)) continue;
    if (free.has(name.toLowerCase())) {
      attempt(name, () => {
        filled[name] = textOf(value);
      });
    } else if (Object.hasOwn(rest, name)) {
      faults.push({ field: name, message: "is not in the form" });
    }
  }
  requireOneSpelling(Object.keys(filled), faults);
  const port = ui?.port_field;
  if (port !== undefined && !faults.some(({ field }) => field === port)) {
    attempt(port, () => requirePort(givenAs(filled, port)));
  }
  if (faults.length === 0) return filled;
  const told = faults.map(({ field, message }) => `${field}: ${message}`).join("; ");
  throw new InvalidInputError(`Cannot configure "${definition.name}": ${told}`, {
    details: faults,
  });
}

/** Placeholders are found in whatever case, so two names may not differ in that alone. */
function requireOneSpelling(
  names: readonly string[],
  faults: { field: string; message: string }[],
): void {
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) faults.push({ field: name, message: "is given twice, in different case" });
    seen.add(lower);
  }
}

function givenAs(filled: FilledConfig, name: string): Value | undefined {
  const key = Object.keys(filled).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : filled[key];
}

/** The port of the service's own page; undefined when it has none. */
export function uiPort({ ui }: ServiceDefinition, config: FilledConfig): number | undefined {
  if (ui === undefined) return undefined;
  return ui.port ?? Number(givenAs(config, ui.port_field ?? ""));
}

function passwordsOf({ config_form }: ServiceDefinition): Set<string> {
  const fields = config_form.fields.filter(({ type }) => type === "password");
  return new Set(fields.map(({ name }) => name.toLowerCase()));
}

/** A configuration as it may be shown. */
export function maskedConfig(
  definition: ServiceDefinition,
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const passwords = passwordsOf(definition);
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      passwords.has(name.toLowerCase()) && !isEmpty(value) ? PASSWORD_MASK : value,
    ]),
  );
}

/** The values that may be shown nowhere. */
export function secretsIn(
  definition: ServiceDefinition,
  config: Readonly<Record<string, unknown>>,
): string[] {
  const passwords = passwordsOf(definition);
  return Object.entries(config).flatMap(([name, value]) =>
    passwords.has(name.toLowerCase()) && typeof value === "string" && value !== "" ? [value] : [],
  );
}
