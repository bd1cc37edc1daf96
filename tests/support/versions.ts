/** Versions of an extension with tools, a UI and a service, as archives: good ones, and ones that break in each way. */
import { z } from "zod";
import { makeZip } from "./archives.ts";
import type { Luna } from "./start-luna.ts";

export const POCKET = "pocket";
export const VERSION_TOOL = "POCKET_GET_version";
export const KEEP_TOOL = "POCKET_UPDATE_keep";

type Break = "health" | "exit" | "tools" | "manifest";

function toolsOf(version: string): string {
  return `import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineTool, z } from "luna";
const kept = (folder) => join(folder, "kept.txt");
export const TOOLS = [
  defineTool({
    name: "${VERSION_TOOL}", description: "Tells the version ${version} and what was kept.", input: z.object({}),
    run: (_, { data_dir }) => ({
      version: "${version}",
      kept: existsSync(kept(data_dir)) ? readFileSync(kept(data_dir), "utf8") : "",
    }),
  }),
  defineTool({
    name: "${KEEP_TOOL}", description: "Keeps a text.", input: z.object({ text: z.string() }),
    run: ({ text }, { data_dir }) => { appendFileSync(kept(data_dir), text); return "kept"; },
  }),
];
`;
}

/** A server that answers with its version, is well or not, or ends at once. */
function serverOf(version: string, broken: Break | undefined): string {
  const health = broken === "health" ? 500 : 200;
  const exit = `console.log("the ${version} ends at once"); process.exit(3);`;
  return `console.log("this is ${version}");
${broken === "exit" ? exit : ""}
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request) => new URL(request.url).pathname === "/healthz"
    ? new Response("", { status: ${health} })
    : new Response("${version}"),
});
`;
}

interface VersionOptions {
  broken?: Break;
  /** Without UI and service. */
  toolsOnly?: boolean;
  /** More files, by their path. */
  more?: Record<string, string>;
}

/** The files of a version, by their path in the extension's folder. */
export function versionFiles(
  version: string,
  options: VersionOptions = {},
): Record<string, string> {
  const { broken, toolsOnly = false, more = {} } = options;
  const start = '#!/bin/sh\nexec bun server.ts "$1"\n';
  return {
    "config.json":
      broken === "manifest" ? '{"version": ' : JSON.stringify({ name: POCKET, version }),
    "tools/pocket_tools.ts": broken === "tools" ? "export const TOOLS = [" : toolsOf(version),
    ...(toolsOnly
      ? {}
      : {
          "ui/start.sh": start,
          "ui/server.ts": serverOf(version, undefined),
          "services/web/start.sh": start,
          "services/web/server.ts": serverOf(version, broken),
          "services/web/service_config.json": JSON.stringify({
            ...{ requires_port: true, health_check: "/healthz" },
          }),
        }),
    ...more,
  };
}

const Uploaded = z.looseObject({ source: z.string() });

/** Uploads the files as a zip; answers with the source that installs them. */
export async function upload(luna: Luna, files: Record<string, string>): Promise<string> {
  const entries = Object.entries(files).map(([name, content]) => ({ name, content }));
  const form = new FormData();
  form.append("file", new File([new Uint8Array(makeZip(entries))], "pocket.zip"));
  const answer = await luna.control("/extensions/upload", { method: "POST", body: form });
  if (!answer.ok) throw new Error(`The upload was refused: ${await answer.text()}`);
  return Uploaded.parse(await answer.json()).source;
}

const Executed = z.object({ success: z.boolean(), result: z.unknown() });
const Told = z.object({ version: z.string(), kept: z.string() });

/** Runs a tool over the control API. */
export async function runTool(luna: Luna, tool: string, args: unknown = {}): Promise<unknown> {
  const answer = await luna.control(`/tools/execute/${tool}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(args),
  });
  const { success, result } = Executed.parse(await answer.json());
  if (!success) throw new Error(`${tool} failed: ${JSON.stringify(result)}`);
  return result;
}

/** What the installed version tells of itself, by its tool. */
export async function toldByTool(luna: Luna): Promise<z.infer<typeof Told>> {
  const result = await runTool(luna, VERSION_TOOL);
  return Told.parse(typeof result === "string" ? JSON.parse(result) : result);
}
