/** Builds the hub, generates what embeds it, and compiles everything into the one executable, dist/luna. */
import { mkdir, rm } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { $ } from "bun";

const ASSETS_FILE = "src/services/hub/assets.generated.ts";
const BUNDLED_FILE = "src/extensions/bundled.generated.ts";
const STAMP_FILE = "node_modules/.cache/luna/generated";
/** Extensions that ship with Luna and are laid out in a new home. */
const STARTERS = ["notes"];
/** Smaller files gain nothing. */
const COMPRESS_BYTES_MIN = 1024;
/** Not the documents: the Hub's service writes into them. */
const COMPRESSIBLE = /\.(?:js|css|svg|json)$/;

function filesIn(folder: string, pattern = "**/*"): string[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: folder, dot: false })].sort();
}

const starterFiles = STARTERS.flatMap((name) =>
  filesIn(`extensions/${name}`)
    .filter((file) => !/^(?:data|node_modules)\/|\.test\.ts$/.test(file))
    .map((file) => `${name}/${file}`),
);

/** A hash of all that the generated files are made from. */
async function inputsHash(): Promise<string> {
  const hub = filesIn("hub").filter((file) => !file.startsWith("dist/"));
  const inputs = [
    "build.ts",
    "bun.lock",
    "package.json",
    ...hub.map((file) => `hub/${file}`),
    ...filesIn("src/contract").map((file) => `src/contract/${file}`),
    ...starterFiles.map((file) => `extensions/${file}`),
  ];
  const hash = new Bun.CryptoHasher("sha256");
  for (const file of inputs) {
    hash.update(`${file}\0`);
    hash.update(await Bun.file(file).bytes());
  }
  return hash.digest("hex");
}

async function compressAssets(): Promise<void> {
  for (const file of filesIn("hub/dist")) {
    if (!COMPRESSIBLE.test(file)) continue;
    const bytes = await Bun.file(`hub/dist/${file}`).bytes();
    if (bytes.length < COMPRESS_BYTES_MIN) continue;
    await Bun.write(
      `hub/dist/${file}.gz`,
      gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
    );
    const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
    await Bun.write(`hub/dist/${file}.br`, brotliCompressSync(bytes, { params }));
  }
}

/** Builds the hub and writes the generated modules, unless they are from these very inputs. */
async function generate(): Promise<void> {
  const hash = await inputsHash();
  const stamp = Bun.file(STAMP_FILE);
  const isFresh =
    (await stamp.exists()) &&
    (await stamp.text()) === hash &&
    (await Bun.file(ASSETS_FILE).exists()) &&
    (await Bun.file(BUNDLED_FILE).exists()) &&
    (await Bun.file("hub/dist/index.html").exists());
  if (isFresh) return;

  const vite = await $`${process.execPath} x --bun vite build hub --logLevel warn`.nothrow();
  if (vite.exitCode !== 0) process.exit(1); // Vite has said why.
  await compressAssets();
  const files = filesIn("hub/dist");
  const imports = files.map(
    (file, i) => `import f${i} from "../../../hub/dist/${file}" with { type: "file" };`,
  );
  const entries = files.map((file, i) => `  "/${file}": f${i},`);
  await Bun.write(
    ASSETS_FILE,
    // The cast is needed: TypeScript types an .html import as Bun.HTMLBundle whatever its attribute says.
    `/** The built hub's files by path; written by build.ts. */\n// @ts-nocheck: these are files, whatever their names end with.\n${imports.join("\n")}\nexport const ASSETS = {\n${entries.join("\n")}\n} as unknown as Record<string, string>;\n`,
  );
  const texts = await Promise.all(
    starterFiles.map(async (file) => [file, await Bun.file(`extensions/${file}`).text()]),
  );
  await Bun.write(
    BUNDLED_FILE,
    `/** The starter extensions' files by path; written by build.ts. */\nexport const BUNDLED: Record<string, string> = ${JSON.stringify(Object.fromEntries(texts), null, 2)};\n`,
  );
  await mkdir("node_modules/.cache/luna", { recursive: true });
  await Bun.write(STAMP_FILE, hash);
}

async function compile(): Promise<void> {
  await Bun.build({
    entrypoints: ["luna.ts"],
    format: "esm", // Bytecode defaults to CommonJS, which has no top-level await.
    bytecode: true,
    minify: true,
    splitting: true, // Each `luna service <name>` then loads only its own code.
    sourcemap: "linked",
    compile: {
      outfile: "dist/luna",
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadPackageJson: true,
    },
  });
}

/** The executable holds its source maps itself; the files beside it are of no use. */
async function removeMaps(): Promise<void> {
  await Promise.all(filesIn("dist", "*.map").map((file) => rm(`dist/${file}`)));
}

await generate();
if (!process.argv.includes("--generate")) {
  await compile();
  await removeMaps();
  process.stdout.write("dist/luna is ready\n");
}
