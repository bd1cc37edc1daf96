/** `luna svc start|stop|restart|enable|disable|uninstall <name>`: does that, and waits until it is done. */
import { z } from "zod";
import type { Environment } from "../../config/environment.ts";
import { ServiceUninstalled } from "../../contract/external-service.ts";
import { readArguments, type Verb } from "../arguments.ts";
import { Control } from "../control.ts";
import { SVC_USAGE } from "../usage.ts";

/** Longer than a stop and a start may take at most. */
const PATIENCE_MS = 30 * 60_000;
const FLAG = { type: "boolean", default: false } as const;
const NAMED = { min: 1, max: 1 };

/** A service that is started and not well is a failure of sorts. */
const NOT_WELL = 3;

const Answer = z.looseObject({ message: z.string(), status: z.string().optional() });

type Operation = "start" | "stop" | "restart" | "enable" | "disable" | "uninstall";

export function servicePath(name: string, rest = ""): string {
  return `/api/external-services/${encodeURIComponent(name)}${rest}`;
}

export function operate(what: Operation): Verb {
  return what === "uninstall" ? uninstall : (environment, args) => act(environment, args, what);
}

async function act(
  environment: Environment,
  args: string[],
  what: Exclude<Operation, "uninstall">,
): Promise<number> {
  const { positionals, values } = readArguments(args, {
    ...{ usage: SVC_USAGE[what], options: { json: FLAG }, words: NAMED },
  });
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const request = { method: "POST", timeoutMs: PATIENCE_MS } as const;
  const answer = await control.ask(servicePath(name, `/${what}`), Answer, request);
  const text = values.json ? JSON.stringify(answer, null, 2) : `${name}: ${answer.message}`;
  process.stdout.write(`${text}\n`);
  const isIll = what !== "stop" && answer.status !== undefined && answer.status !== "running";
  return isIll ? NOT_WELL : 0;
}

async function uninstall(environment: Environment, args: string[]): Promise<number> {
  const { positionals, values } = readArguments(args, {
    usage: SVC_USAGE.uninstall,
    options: { json: FLAG, "remove-data": FLAG },
    words: NAMED,
  });
  const [name = ""] = positionals;
  const control = await Control.of(environment);
  const answer = await control.ask(servicePath(name, "/uninstall"), ServiceUninstalled, {
    ...{ method: "POST", timeoutMs: PATIENCE_MS },
    body: { remove_data: values["remove-data"] },
  });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  }
  const kept = values["remove-data"] ? [] : [`Its data is kept in external_services/${name}.`];
  const lines = [`${name}: ${answer.message}`, ...kept, ...answer.notes];
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}
