/** `luna svc …`: external services, such as a database in Docker; each verb is loaded only when it runs. */
import type { Environment } from "../config/environment.ts";
import { readVerb, type Verb } from "./arguments.ts";
import { USAGE } from "./usage.ts";

const operation = async () => (await import("./svc/operate.ts")).operate;

const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  list: async () => (await import("./svc/show.ts")).listServices,
  show: async () => (await import("./svc/show.ts")).showService,
  install: async () => (await import("./svc/install.ts")).installService,
  start: async () => (await operation())("start"),
  stop: async () => (await operation())("stop"),
  restart: async () => (await operation())("restart"),
  enable: async () => (await operation())("enable"),
  disable: async () => (await operation())("disable"),
  uninstall: async () => (await operation())("uninstall"),
  logs: async () => (await import("./svc/logs.ts")).serviceLogs,
};

export async function svc(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.svc });
  return (await verb())(environment, rest);
}
