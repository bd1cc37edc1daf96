/** `luna svc install`: shows what would run on this machine, asks for what the form asks for, installs and starts it. */
import { resolve } from "node:path";
import { z } from "zod";
import type { Environment } from "../../config/environment.ts";
import {
  type ConfigField,
  ServiceConfig,
  ServiceInstalled,
  ServiceUploaded,
  ServiceView,
} from "../../contract/external-service.ts";
import { InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { CANCELLED, isTerminal, readHiddenLine } from "../hidden-line.ts";
import { table } from "../table.ts";
import { SVC_USAGE } from "../usage.ts";
import { servicePath } from "./operate.ts";

const PATIENCE_MS = 90 * 60_000;
const FIELDS_MAX = 64;
const NOT_WELL = 3;
const FLAG = { type: "boolean", default: false } as const;
const Written = z.record(z.string(), z.unknown());

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function assignments(words: readonly string[]): ServiceConfig {
  return Object.fromEntries(
    words.map((word) => {
      const equals = word.indexOf("=");
      if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)] as const;
      throw new InvalidInputError(
        `Cannot read "${word}": it should be a field and its value, such as port=8080\nUsage: ${SVC_USAGE.install}`,
      );
    }),
  );
}

async function readConfig(path: string | undefined): Promise<ServiceConfig> {
  if (path === undefined) return {};
  if (path !== "-") {
    const found = await readJsonIfThere(resolve(path), ServiceConfig);
    if (found === undefined)
      throw new NotFoundError(`Cannot read "${path}": there is no such file`);
    return found;
  }
  try {
    return ServiceConfig.parse(JSON.parse(await Bun.stdin.text()));
  } catch {
    throw new InvalidInputError("Cannot read standard input: it should be a JSON object of fields");
  }
}

function commandsText(commands: Readonly<Record<string, unknown>>): string {
  return table(Object.entries(commands).map(([name, text]) => [`  ${name}`, String(text)]));
}

/** Adds a definition that lies in a file, once somebody has seen it; its name. */
async function addDefinition(
  control: Control,
  path: string,
  isSure: boolean,
): Promise<string | undefined> {
  const service_definition = await readJsonIfThere(resolve(path), Written);
  if (service_definition === undefined) {
    throw new NotFoundError(`Cannot read "${path}": there is no such file`);
  }
  const upload = (preview: boolean) =>
    control.ask("/api/external-services/upload", ServiceUploaded, {
      method: "POST",
      body: { service_definition, preview },
    });
  const { name, commands, notes } = await upload(true);
  process.stderr.write(`"${name}" runs on this machine, as you:\n${commandsText(commands)}\n`);
  for (const note of notes) process.stderr.write(`${note}\n`);
  if (!isSure && !isTerminal()) {
    throw new InvalidInputError("Cannot add a definition without being told to: add --yes");
  }
  if (!isSure && !/^y/i.test(prompt("Add it? [y/N]") ?? "")) return undefined;
  await upload(false);
  return name;
}

/** What a person has to say; undefined when they gave up. */
async function ask(field: ConfigField): Promise<string | undefined> {
  const label = field.label ?? field.name;
  if (field.type === "password") return readHiddenLine(`${label}: `);
  return prompt(`${label}:`) ?? undefined;
}

/** Asks for what is required and known from nowhere. */
async function complete(
  view: ServiceView,
  given: ServiceConfig,
): Promise<ServiceConfig | undefined> {
  const filled = { ...given };
  for (const field of view.form.fields) {
    const isKnown = [given[field.name], view.config?.[field.name], field.default].some(
      (value) => value !== undefined && value !== null && value !== "",
    );
    if (isKnown || !field.required || field.type === "checkbox" || !isTerminal()) continue;
    const value = await ask(field);
    if (value === undefined) return undefined;
    filled[field.name] = value;
  }
  return filled;
}

/** Everybody on this machine can read a command line, and the shell's history keeps it. */
function refusePasswords({ form }: ServiceView, words: ServiceConfig): void {
  const field = form.fields.find(
    ({ name, type }) => type === "password" && Object.hasOwn(words, name),
  );
  if (field === undefined) return;
  throw new InvalidInputError(
    `Cannot take "${field.name}" from the command line: it is a password; leave it out to be asked, or give it by --config`,
  );
}

export async function installService(environment: Environment, args: string[]): Promise<number> {
  const { positionals, values } = readArguments(args, {
    usage: SVC_USAGE.install,
    options: { json: FLAG, yes: { ...FLAG, short: "y" }, config: { type: "string" } },
    words: { min: 1, max: 1 + FIELDS_MAX },
  });
  const [what = "", ...words] = positionals;
  const control = await Control.of(environment);
  const isFile = what.endsWith(".json");
  const name = isFile ? await addDefinition(control, what, values.yes) : what;
  if (name === undefined) return CANCELLED;
  const view = await control.ask(servicePath(name), ServiceView);
  const assigned = assignments(words);
  refusePasswords(view, assigned);
  const config = await complete(view, { ...(await readConfig(values.config)), ...assigned });
  if (config === undefined) return CANCELLED;
  const answer = await control.ask(servicePath(name, "/install"), ServiceInstalled, {
    ...{ method: "POST", timeoutMs: PATIENCE_MS },
    body: { config },
  });
  if (values.json) say(JSON.stringify(answer, null, 2));
  else {
    say(`${name}: ${answer.message}`);
    const variables = Object.keys(answer.env_assignments);
    if (variables.length > 0) say(`Set in .env: ${variables.join(", ")}`);
    if (answer.ui_route !== null) say(`Its page: ${answer.ui_route.path_with_slash}`);
  }
  return answer.status === "running" ? 0 : NOT_WELL;
}
