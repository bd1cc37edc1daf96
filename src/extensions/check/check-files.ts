/** Checks an extension's files besides its tools: the manifest, scripts that start things, and services. */
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { z } from "zod";
import { Manifest, PublicExposure, ServiceConfig } from "../../contract/extension.ts";
import { ThingName } from "../../contract/names.ts";
import { LunaError, messageOf } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import { hasUpstreams } from "../discovery.ts";
import { MANIFEST_FILE, readManifest, readToolConfig, TOOL_CONFIG_FILE } from "../manifest.ts";
import { type OwnProcess, ownProcesses } from "../own-processes.ts";
import { type Finding, misspelled } from "./finding.ts";

const EXECUTABLE = 0o111;
const Fields = z.record(z.string(), z.unknown());
/** What the configuration says of an extension, and a manifest may too. */
const MANIFEST_SHAPE = { ...Manifest.shape, enabled: z.unknown(), source: z.unknown() };

/** Runs `read`; what it cannot read is a finding. */
async function reading<Read>(
  { file, findings }: { file: string; findings: Finding[] },
  read: () => Promise<Read>,
): Promise<Read | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    findings.push({ severity: "error", file, message: messageOf(error) });
    return undefined;
  }
}

async function checkManifest(folder: string, findings: Finding[]): Promise<Manifest | undefined> {
  const file = MANIFEST_FILE;
  const warn = (field: string, message: string): void =>
    void findings.push({ severity: "warning", file, field, message });
  if (!existsSync(join(folder, file))) {
    findings.push({
      severity: "warning",
      file,
      message: "There is none: it has no version and no description",
    });
    return Manifest.parse({});
  }
  const manifest = await reading({ file, findings }, () => readManifest(folder));
  if (manifest === undefined) return undefined;
  findings.push(...misspelled(manifest, { shape: MANIFEST_SHAPE, file }));
  const ui = Manifest.shape.ui.unwrap().shape;
  findings.push(...misspelled(manifest.ui ?? {}, { shape: ui, file, within: "ui." }));
  const name = basename(folder);
  if (manifest.name !== undefined && manifest.name !== name) {
    warn("name", `It is "${manifest.name}", but the folder's name "${name}" counts`);
  }
  if (!manifest.version) warn("version", "It is not there: nobody sees which one they have");
  if (!manifest.description)
    warn("description", "It is not there: a sentence for whoever installs it");
  for (const [index, secret] of manifest.required_secrets.entries()) {
    if (secret.help !== undefined) continue;
    warn(`required_secrets[${index}]`, `Say in "help" where a person gets ${secret.name}`);
  }
  return manifest;
}

async function checkScript(one: OwnProcess, root: string, findings: Finding[]): Promise<void> {
  const path = join(one.folder, "start.sh");
  const file = relative(root, path);
  const add = (severity: Finding["severity"], message: string): void =>
    void findings.push({ severity, file, message });
  const text = await readFile(path, "utf8");
  if (text.includes("\r\n")) add("error", "It has Windows' line ends, which no shell reads");
  if (!text.startsWith("#!")) add("warning", "It has no interpreter line, such as #!/bin/sh");
  if (((await stat(path)).mode & EXECUTABLE) === 0) {
    add("warning", `It cannot be executed: chmod +x ${file}`);
  }
  if (one.config.requires_port && !/\$(?:1|\{1|@|\*)/.test(text)) {
    add("warning", "It does not use $1, the port that it has to listen on");
  }
}

async function checkService(one: OwnProcess, root: string, findings: Finding[]): Promise<void> {
  const path = join(one.folder, "service_config.json");
  const file = relative(root, path);
  const warn = (field: string, message: string): void =>
    void findings.push({ severity: "warning", file, field, message });
  const fields = (await readJsonIfThere(path, Fields)) ?? {};
  findings.push(...misspelled(fields, { shape: ServiceConfig.shape, file }));
  const exposure = Fields.safeParse(fields["public_exposure"]).data ?? {};
  const within = "public_exposure.";
  findings.push(...misspelled(exposure, { shape: PublicExposure.shape, file, within }));
  const { requires_port, health_check } = one.config;
  if (requires_port && health_check === undefined) {
    warn(
      "health_check",
      "It is not there: an open port passes for well, also when nothing is answered",
    );
  }
  if (!requires_port && health_check !== undefined) {
    warn("health_check", "It is never asked for, as requires_port is not true");
  }
}

/** All findings but those of the tools. */
export async function checkFiles(folder: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const name = basename(folder);
  const { error } = ThingName.safeParse(name);
  if (error !== undefined) {
    const message = `Its name ${error.issues[0]?.message}`;
    findings.push({ severity: "error", file: "", message });
  }
  const manifest = await checkManifest(folder, findings);
  const hasFiles = existsSync(join(folder, "tools"));
  const has_tools = hasFiles || (manifest !== undefined && hasUpstreams(manifest));
  if (hasFiles) await reading({ file: TOOL_CONFIG_FILE, findings }, () => readToolConfig(folder));
  const own = await ownProcesses({
    ...{ name, path: folder, manifest: manifest ?? Manifest.parse({}), has_tools },
  });
  for (const { file, field, message } of own.problems) {
    findings.push({ severity: "error", file, message, ...(field === undefined ? {} : { field }) });
  }
  for (const one of own.processes) {
    await checkScript(one, folder, findings);
    if (one.service !== undefined) await checkService(one, folder, findings);
  }
  if (!has_tools && own.processes.length === 0) {
    findings.push({
      severity: "error",
      file: "",
      message: "It has no tools, no ui/start.sh and no services",
    });
  }
  return findings;
}
