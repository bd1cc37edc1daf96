/** `luna ext list`: the extensions that are installed, and what keeps any of them from being used. */
import type { Environment } from "../../config/environment.ts";
import { ExtensionList, type ExtensionView } from "../../contract/extension.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { table } from "../table.ts";
import { EXT_USAGE } from "../usage.ts";
import { writeOut } from "../write-out.ts";

function stateOf({ enabled, problems, missing_secrets }: ExtensionView): string {
  if (!enabled) return "off";
  if (problems.length > 0) return "problem";
  return missing_secrets.length > 0 ? "needs keys" : "on";
}

function partsOf({ tool_count, ui, services }: ExtensionView): string {
  return [
    tool_count === 1 ? "1 tool" : `${tool_count} tools`,
    ...(ui === null ? [] : ["UI"]),
    ...services.map(({ name }) => name),
  ].join(", ");
}

function listText(extensions: readonly ExtensionView[]): string {
  if (extensions.length === 0) return 'There are none yet: "luna ext new <name>" makes one.';
  const rows = extensions.map((one) => [
    ...[one.name, one.version, stateOf(one), partsOf(one), one.source],
  ]);
  const more = extensions.flatMap(({ name, problems, missing_secrets }) => [
    ...problems.map(({ message, fix }) => `${name}: ${message}. ${fix}`),
    ...missing_secrets.map((key) => `${name} asks for ${key}: luna secrets set ${key}`),
  ]);
  return [table([["NAME", "VERSION", "STATE", "PARTS", "SOURCE"], ...rows]), ...more].join("\n");
}

export async function extList(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, {
    usage: EXT_USAGE.list,
    options: { json: { type: "boolean", default: false } },
  });
  const { extensions } = await (await Control.of(environment)).ask("/extensions", ExtensionList);
  const text = values.json ? JSON.stringify({ extensions }, null, 2) : listText(extensions);
  await writeOut(`${text}\n`);
  return 0;
}
