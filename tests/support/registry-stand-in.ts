/** A package registry on this machine: npm's API and PyPI's simple index, with a few tiny packages. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface RegistryStandIn {
  /** For NPM_CONFIG_REGISTRY. */
  npm: string;
  /** For PIP_INDEX_URL and UV_DEFAULT_INDEX. */
  pypi: string;
  /** The paths that were asked for. */
  requests: string[];
  stop(): Promise<void>;
}

interface NpmPackage {
  name: string;
  version: string;
  /** Its package.json, besides name and version. */
  json?: Record<string, unknown>;
  files?: Record<string, string>;
}

async function pack(folder: string, { name, version, json, files }: NpmPackage) {
  const root = join(folder, `${name}-${version}`);
  const all = {
    "package.json": JSON.stringify({ name, version, ...json }),
    "index.js": `module.exports = ${JSON.stringify(`${name} ${version}`)};`,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(root, "package", path)), { recursive: true });
    await writeFile(join(root, "package", path), text);
  }
  const tar = Bun.spawnSync(["tar", "czf", "-", "package"], { cwd: root });
  return new Uint8Array(tar.stdout);
}

const WHEELS = `
import sys, zipfile
for name, version, text in (("tiny_py", "1.0", "ANSWER = 42\\n"), ("tiny_py", "2.0", "ANSWER = 43\\n"), ("other_py", "1.0", "")):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
        if name == "tiny_py":
            wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\ntiny-py = tiny_py:main\\n")
`;

const BIG_BYTES = 3 * 1024 * 1024;

const PACKAGES: readonly NpmPackage[] = [
  { name: "tiny", version: "1.0.0", json: { bin: { tiny: "cli.js" } }, files: { "cli.js": "" } },
  { name: "tiny", version: "1.1.0", json: { bin: { tiny: "cli.js" } }, files: { "cli.js": "" } },
  {
    name: "scripted",
    version: "1.0.0",
    json: { scripts: { postinstall: "pwd > ran.txt; env > environment.txt" } },
  },
  {
    name: "slow",
    version: "1.0.0",
    json: { scripts: { postinstall: "sleep 300 & sleep 300" } },
  },
  { name: "big", version: "1.0.0", files: { "big.txt": "x".repeat(BIG_BYTES) } },
];

export async function startRegistry(): Promise<RegistryStandIn> {
  const folder = await mkdtemp(join(tmpdir(), "luna-registry-"));
  const tarballs = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const one of PACKAGES) {
    tarballs.set(`${one.name}-${one.version}.tgz`, await pack(folder, one));
  }
  Bun.spawnSync(["python3", "-c", WHEELS], { cwd: folder });
  const wheels = [...new Bun.Glob("*.whl").scanSync(folder)];
  const requests: string[] = [];

  const packument = (name: string, origin: string): Response => {
    const versions = PACKAGES.filter((one) => one.name === name);
    if (versions.length === 0) return new Response("not found", { status: 404 });
    const told = versions.map(({ version, json }) => {
      const file = `${name}-${version}.tgz`;
      const hash = new Bun.CryptoHasher("sha512").update(tarballs.get(file) ?? "");
      const dist = {
        tarball: `${origin}/npm/${name}/-/${file}`,
        integrity: `sha512-${hash.digest("base64")}`,
      };
      const hasInstallScript = json?.["scripts"] !== undefined;
      return [version, { name, version, hasInstallScript, ...json, dist }];
    });
    const latest = versions.at(-1)?.version;
    return Response.json({ name, "dist-tags": { latest }, versions: Object.fromEntries(told) });
  };
  const index = (name: string): Response => {
    const links = wheels
      .filter((wheel) => wheel.startsWith(`${name.replaceAll("-", "_")}-`))
      .map((wheel) => `<a href="/files/${wheel}">${wheel}</a>`);
    if (links.length === 0) return new Response("not found", { status: 404 });
    const headers = { "Content-Type": "text/html" };
    return new Response(`<!DOCTYPE html><html><body>${links.join("\n")}</body></html>`, {
      headers,
    });
  };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname, origin } = new URL(request.url);
      requests.push(pathname);
      const [, area, name = "", dash] = pathname.split("/");
      const file = pathname.split("/").at(-1) ?? "";
      if (area === "npm") {
        const bytes = dash === "-" ? tarballs.get(file) : undefined;
        return bytes === undefined ? packument(name, origin) : new Response(bytes);
      }
      if (area === "simple") return index(name);
      if (area === "files" && wheels.includes(file))
        return new Response(Bun.file(join(folder, file)));
      return new Response("not found", { status: 404 });
    },
  });
  return {
    npm: `http://127.0.0.1:${server.port}/npm`,
    pypi: `http://127.0.0.1:${server.port}/simple`,
    requests,
    stop: async () => {
      await server.stop(true);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
