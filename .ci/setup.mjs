/** Sets up a checkout with nothing but Node and npm: Bun from npm, then the dependencies, then what the build generates. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const bun = join(root, "node_modules/.bin/bun");
const stampFile = join(root, "node_modules/.cache/luna/installed");
const manifest = readFileSync(join(root, "package.json"), "utf8");
const bunVersion = JSON.parse(manifest).devDependencies.bun;

const run = (command, args) =>
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });

function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

const [major] = process.versions.node.split(".").map(Number);
if (major < 20) fail(`Luna's set-up needs Node 20 or newer; this is ${process.version}.`);

const stamp = createHash("sha256")
  .update(manifest)
  .update(readFileSync(join(root, "bun.lock")))
  .digest("hex");
const isInstalled =
  existsSync(bun) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;

if (!isInstalled) {
  process.stdout.write(`Installing Luna's dependencies with Bun ${bunVersion} …\n`);
  try {
    const install = ["install", "--frozen-lockfile"];
    if (existsSync(bun)) run(bun, install);
    else run("npm", ["exec", "--yes", `--package=bun@${bunVersion}`, "--", "bun", ...install]);
  } catch {
    fail(
      `Cannot install Luna's dependencies: see the message above. Set-up needs the npm registry and a writable checkout (${root}).`,
    );
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

try {
  run(bun, ["build.ts", "--generate"]);
} catch {
  fail("Cannot build the Hub: see the message above.");
}
