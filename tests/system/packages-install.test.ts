/** Extensions with packages, uploaded to a running Luna: their tools, services and pages have what they asked for. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ExtensionUpload } from "../../src/contract/source.ts";
import { makeZip } from "../support/archives.ts";
import { type RegistryStandIn, startRegistry } from "../support/registry-stand-in.ts";
import { apply, eventsOf } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

/** Every bound under test is far below; this is for machines with much else to do. */
setDefaultTimeout(150_000);

const PYTHON_TOOLS = `
import tiny_py
from pathlib import Path
from core.utils.service_auth import get_service_api_key
import sys

def MIXED_GET_python() -> dict:
    """What Python sees."""
    return {"answer": tiny_py.ANSWER, "file": tiny_py.__file__, "executable": sys.executable,
            "root": str(Path(__file__).resolve().parents[3]), "key": get_service_api_key("mixed", "web")}

TOOLS = [MIXED_GET_python]
`;
const BUN_TOOLS = `import { defineTool, z } from "luna";
import tiny from "tiny";
export const TOOLS = [defineTool({
  name: "MIXED_GET_bun", description: "What Bun sees.", input: z.object({}), run: () => tiny,
})];
`;
/** As such services are written: for the Python of Luna's own choice, on its own path. */
const START = `#!/bin/sh
exec "$LUNA_PYTHON" "$(dirname "$0")/server.py" "$1"
`;
const SERVER = `
import http.server, json, os, shutil, subprocess, sys
import tiny_py
from core.utils.extension_discovery import discover_extensions

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = {"answer": tiny_py.ANSWER, "ports": json.loads(os.environ["LUNA_PORTS"])["core"]["agent"],
                "script": shutil.which("tiny-py"), "other": subprocess.run(["python", "-c", "import tiny_py; print(tiny_py.ANSWER)"],
                capture_output=True, text=True).stdout.strip(), "extensions": [one["name"] for one in discover_extensions()]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

let registry: RegistryStandIn;
let luna: Luna;
beforeAll(async () => {
  registry = await startRegistry();
  luna = await startLuna({
    environment: { NPM_CONFIG_REGISTRY: registry.npm, PIP_INDEX_URL: registry.pypi },
  });
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await registry.stop();
  expect(left).toEqual([]);
});

function files(version: { npm: string; python: string }): Record<string, string> {
  return {
    "config.json": JSON.stringify({ name: "mixed", version: "1.0.0" }),
    "package.json": JSON.stringify({ name: "mixed", dependencies: { tiny: version.npm } }),
    "requirements.txt": `tiny-py==${version.python}\n`,
    "tools/mixed_tools.py": PYTHON_TOOLS,
    "tools/bun_tools.ts": BUN_TOOLS,
    "services/web/service_config.json": JSON.stringify({ requires_port: true, health_check: "/" }),
    "services/web/start.sh": START,
    "services/web/server.py": SERVER,
  };
}

async function upload(entries: Record<string, string>): Promise<string> {
  const zip = makeZip(Object.entries(entries).map(([name, content]) => ({ name, content })));
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(zip)]), "mixed.zip");
  const answer = await luna.control("/extensions/upload", { method: "POST", body: form });
  const { temp_filename } = ExtensionUpload.parse(await answer.json());
  return `upload:${temp_filename}`;
}

async function call(tool: string): Promise<unknown> {
  const answer = await luna.control(`/tools/execute/${tool}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  const { success, result } = z
    .object({ success: z.boolean(), result: z.unknown() })
    .parse(await answer.json());
  if (!success) throw new Error(String(result));
  return result;
}

async function service(): Promise<unknown> {
  const record = (await luna.state()).services["mixed__service_web"];
  return (await fetch(`http://127.0.0.1:${record?.port}/`)).json();
}

const PythonView = z.object({ answer: z.int(), executable: z.string(), root: z.string() });
const folder = () => join(luna.paths.extensions, "mixed");

test("what an extension asks for is there, for its tools and for its service", async () => {
  const source = await upload(files({ npm: "1.0.0", python: "1.0" }));
  const run = await apply(luna, [{ type: "install", target: "mixed", source }]);
  expect(run).toMatchObject({ state: "done", units: [{ state: "done" }] });
  const told = JSON.stringify(await eventsOf(luna, run.id));
  expect(told).toContain("+ tiny@1.0.0");
  expect(told).toContain("Installed packages in package.json, requirements.txt");

  expect(await call("MIXED_GET_bun")).toBe("tiny 1.0.0");
  const python = PythonView.parse(await call("MIXED_GET_python"));
  expect(python).toMatchObject({ answer: 42, root: realpathSync(luna.home) });
  expect(python.executable).toBe(join(folder(), ".venv/bin/python"));
  expect(await service()).toMatchObject({
    ...{ answer: 42, ports: luna.ports.agent, other: "42", extensions: ["mixed"] },
    script: join(folder(), ".venv/bin/tiny-py"),
  });
  // Nothing was written beside what was installed.
  expect(existsSync(join(folder(), "tools/__pycache__"))).toBe(false);
});

test("an update brings others, and one that cannot have them changes nothing", async () => {
  const before = readlinkSync(join(folder(), ".venv"));
  const bad = await upload({
    ...files({ npm: "1.1.0", python: "2.0" }),
    "requirements.txt": "tiny-py==9.9\n",
  });
  const failed = await apply(luna, [{ type: "update", target: "mixed", source: bad }]);
  expect(failed.units).toMatchObject([{ state: "failed" }]);
  expect(JSON.stringify(failed)).toContain("requirements.txt");
  expect(readlinkSync(join(folder(), ".venv"))).toBe(before);
  expect(await call("MIXED_GET_bun")).toBe("tiny 1.0.0");

  const source = await upload(files({ npm: "1.1.0", python: "2.0" }));
  const run = await apply(luna, [{ type: "update", target: "mixed", source }]);
  expect(run.state).toBe("done");
  expect(await call("MIXED_GET_bun")).toBe("tiny 1.1.0");
  expect(PythonView.parse(await call("MIXED_GET_python")).answer).toBe(43);
  expect(await until(service)).toMatchObject({ answer: 43 });
  expect(readlinkSync(join(folder(), ".venv"))).not.toBe(before);
  // The version before it can come back: its environment is there still.
  expect(existsSync(join(before, "bin/python"))).toBe(true);
  expect(readFileSync(luna.paths.masterConfig, "utf8")).toContain("upload:");
});

test("of a folder that was put there by hand it is told what is missing, and how to get it", async () => {
  const own = join(luna.paths.extensions, "byhand");
  await mkdir(join(own, "tools"), { recursive: true });
  const list = JSON.stringify({ name: "byhand", dependencies: { tiny: "1.0.0" } });
  await writeFile(join(own, "package.json"), list);
  await writeFile(join(own, "config.json"), '{"version": "1.0.0"}');
  await writeFile(
    join(own, "tools/byhand_tools.ts"),
    `import { defineTool, z } from "luna";
export const TOOLS = [defineTool({
  name: "BYHAND_GET_tiny", description: "Tells what tiny is.", input: z.object({}),
  run: async () => (await import("tiny")).default,
})];
`,
  );
  const local = { type: "install", target: "byhand", source: "local" };
  const [unit] = (await apply(luna, [local])).units;
  expect(unit?.state).toBe("done");
  expect(unit?.reason).toContain(
    `what package.json asks for is not installed; "luna ext add ${own}"`,
  );
  await expect(call("BYHAND_GET_tiny")).rejects.toThrow("tiny");
  expect((await luna.run("ext", "add", own, "--yes")).code).toBe(0);
  expect(await call("BYHAND_GET_tiny")).toBe("tiny 1.0.0");
  const [again] = (await apply(luna, [local])).units;
  expect(again).toMatchObject({ state: "done", reason: null });
});
