/** `luna ext …`: extensions, for who writes them and for who uses them; each verb is loaded only when it runs. */
import type { Environment } from "../config/environment.ts";
import { readVerb, type Verb } from "./arguments.ts";
import { USAGE } from "./usage.ts";

const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  new: async () => (await import("./ext/new.ts")).extNew,
  list: async () => (await import("./ext/list.ts")).extList,
  add: async () => (await import("./ext/add.ts")).extAdd,
  update: async () => (await import("./ext/change.ts")).extUpdate,
  remove: async () => (await import("./ext/change.ts")).extRemove,
  enable: async () => (await import("./ext/change.ts")).extEnable,
  disable: async () => (await import("./ext/change.ts")).extDisable,
  dev: async () => (await import("./ext/dev.ts")).extDev,
  check: async () => (await import("./ext/check.ts")).extCheck,
  reload: async () => (await import("./ext/reload.ts")).extReload,
};

export async function ext(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.ext });
  return (await verb())(environment, rest);
}
