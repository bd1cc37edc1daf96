/** Checks that every JSON file of the home, and `.env`, can be read; says where one cannot. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EnvFile } from "../../config/env-file.ts";
import type { Paths } from "../../config/paths.ts";
import { ApiKeysFile } from "../../contract/api-keys.ts";
import { MasterConfig } from "../../contract/config.ts";
import { CoreUpdateFile } from "../../contract/core-update.ts";
import { Manifest, ServiceConfig, ToolConfigFile } from "../../contract/extension.ts";
import {
  ConfigForm,
  RegistryFile,
  ServiceConfigFile,
  ServiceRoutesFile,
  WrittenDefinition,
} from "../../contract/external-service.ts";
import { StateFile } from "../../contract/process.ts";
import { ToolsFile } from "../../contract/tool.ts";
import { messageOf } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import { type Check, type Finding, ok } from "./check.ts";

type Expected = readonly [path: string, schema: z.ZodType];

const ANY: z.ZodType = z.unknown();

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function jsonIn(folder: string, schema: z.ZodType): Expected[] {
  const names = namesIn(folder).filter((name) => name.endsWith(".json"));
  return names.map((name) => [join(folder, name), schema]);
}

function extensionFiles(folder: string): Expected[] {
  const services = join(folder, "services");
  return [
    [join(folder, "config.json"), Manifest],
    [join(folder, "tools", "tool_config.json"), ToolConfigFile],
    ...namesIn(services).map(
      (name): Expected => [join(services, name, "service_config.json"), ServiceConfig],
    ),
  ];
}

/** Every file that Luna reads, with what should be in it; those that are absent among them. */
function expectedFiles(paths: Paths): Expected[] {
  const known: Expected[] = [
    [paths.masterConfig, MasterConfig],
    [paths.state, StateFile],
    [paths.apiKeys, ApiKeysFile],
    [paths.coreUpdate, CoreUpdateFile],
    [paths.serviceRegistry, RegistryFile],
    [paths.serviceRoutes, ServiceRoutesFile],
  ];
  const others = jsonIn(paths.luna, ANY).filter(([path]) => !known.some(([one]) => one === path));
  return [
    ...known,
    ...others,
    ...jsonIn(paths.tools, ToolsFile),
    ...namesIn(paths.extensions)
      .filter((name) => !name.startsWith("."))
      .flatMap((name) => extensionFiles(join(paths.extensions, name))),
    ...namesIn(paths.externalServices).flatMap((name): Expected[] => {
      const { definition, form, config } = paths.externalService(name);
      return [
        [definition, WrittenDefinition],
        [form, ConfigForm],
        [config, ServiceConfigFile],
      ];
    }),
  ];
}

/** What is wrong with the file, in a sentence; undefined when it is whole or absent. */
async function faultOf([path, schema]: Expected): Promise<string | undefined> {
  try {
    await readJsonIfThere(path, schema);
    return undefined;
  } catch (error) {
    // A file that cannot be opened is as good as one that does not parse.
    return messageOf(error);
  }
}

async function envFaults(path: string): Promise<string[]> {
  try {
    return await new EnvFile(path).problems();
  } catch (error) {
    return [messageOf(error)];
  }
}

export const filesCheck: Check = {
  id: "files",
  run: async ({ paths }): Promise<Finding> => {
    const expected = expectedFiles(paths);
    const found = await Promise.all(
      expected.map(async (file) => ({ file, fault: await faultOf(file) })),
    );
    const broken = found.flatMap(({ file: [path], fault }) =>
      fault === undefined ? [] : [{ path, fault }],
    );
    const env = await envFaults(paths.env);
    const faults = [...broken.map(({ fault }) => fault), ...env];
    const first = broken[0]?.path ?? paths.env;
    if (faults.length === 0) return ok("Every file can be read");
    return {
      status: "fail",
      title: `${faults.length === 1 ? "A file" : `${faults.length} places in files`} cannot be read`,
      detail: faults.join("\n"),
      fix: `\${EDITOR:-nano} "${first}"`,
    };
  },
};
