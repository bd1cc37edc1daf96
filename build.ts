/** Builds the hub, generates what embeds it, and compiles everything into the one executable, dist/luna. */
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { $, type BunPlugin } from "bun";

const ASSETS_FILE = "src/services/hub/assets.generated.ts";
const BUNDLED_FILE = "src/extensions/bundled.generated.ts";
const STAMP_FILE = "node_modules/.cache/luna/generated";
/** What `luna ext new` lays out. */
const TEMPLATE_FOLDER = "src/extensions/template";
const TEMPLATE_FILE = "src/extensions/template.generated.ts";
/** What authors of extensions need in an editor and for tests: types, and the module "luna" as files. */
const KIT_FILE = "src/extensions/author-kit.generated.ts";
const KIT_ARCHIVE = "src/extensions/author-kit.generated.tar.gz";
const KIT_STAMP_FILE = "node_modules/.cache/luna/author-kit";
const SDK_ENTRIES = ["src/extensions/sdk.ts", "src/extensions/testing.ts"];
/** There is no way to import these from the one module "zod". */
const UNUSED_TYPES = /^zod\/(?:v3|v4\/mini|v4-mini|mini|src)\//;
const TYPES_OF_PACKAGES = ["zod", "bun-types", "@types/bun", "@types/node", "undici-types"];
/** Extensions that ship with Luna and are laid out in a new home. */
const STARTERS = ["notes"];
const OUTFILE = argument("outfile") ?? "dist/luna";
/** Smaller files gain nothing. */
const COMPRESS_BYTES_MIN = 1024;
/** Not the documents: the Hub's service writes into them. */
const COMPRESSIBLE = /\.(?:js|css|svg|json)$/;

function filesIn(folder: string, pattern = "**/*", dot = false): string[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: folder, dot })].sort();
}

const starterFiles = STARTERS.flatMap((name) =>
  filesIn(`extensions/${name}`)
    .filter((file) => !/^(?:data|node_modules)\/|\.test\.ts$/.test(file))
    .map((file) => `${name}/${file}`),
);

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(await Bun.file(file).bytes());
  }
  return hash.digest("hex");
}

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
  return hashOf(inputs);
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

/** The declarations of the module "luna", as TypeScript writes them. */
async function declarations(): Promise<Record<string, string>> {
  const folder = join(tmpdir(), `luna-declarations-${process.pid}`);
  const options = {
    ...{ declaration: true, emitDeclarationOnly: true, noEmit: false, outDir: folder },
    incremental: false,
    rootDir: join(import.meta.dir, "src"),
  };
  const project = "node_modules/.cache/luna/tsconfig.json";
  await Bun.write(
    project,
    JSON.stringify({
      extends: join(import.meta.dir, "tsconfig.json"),
      compilerOptions: options,
      include: [],
      files: SDK_ENTRIES.map((file) => join(import.meta.dir, file)),
    }),
  );
  await $`${process.execPath} x --bun tsc -p ${project}`;
  const files: Record<string, string> = {};
  for (const file of filesIn(folder)) {
    const text = await Bun.file(join(folder, file)).text();
    // A declaration that names a source would want that source.
    files[`types/${file}`] = text.replace(/(["']\.\.?\/[^"']+)\.ts(["'])/g, "$1.js$2");
  }
  await rm(folder, { recursive: true });
  return files;
}

/** The module "luna", and zod beside it, for programs that are not started by Luna: tests above all. */
async function sdkModules(): Promise<Record<string, Blob>> {
  const shared = { format: "esm", target: "bun" } as const;
  const luna = await Bun.build({
    ...{ ...shared, entrypoints: SDK_ENTRIES, splitting: true, external: ["zod"] },
    naming: { entry: "[name].js", chunk: "chunk-[hash].js" },
  });
  const zod = await Bun.build({ ...shared, entrypoints: ["node_modules/zod/index.js"] });
  const files = luna.outputs.map(
    (file) => [`luna/${file.path.replace(/^\.\//, "")}`, file] as const,
  );
  return { ...Object.fromEntries(files), "zod/index.js": zod.outputs[0] ?? new Blob() };
}

/** Packs the author's kit, unless it is from these very inputs. */
async function generateKit(): Promise<void> {
  const sources = filesIn("src", "{contract,lib,extensions}/**/*.ts").filter(
    (file) => !/\.(?:test|generated)\.ts$|\/template\//.test(file),
  );
  const template = filesIn(TEMPLATE_FOLDER, "**/*", true);
  const inputs = ["build.ts", "bun.lock", ...sources.map((file) => `src/${file}`)];
  const hash = await hashOf([...inputs, ...template.map((file) => `${TEMPLATE_FOLDER}/${file}`)]);
  const stamp = Bun.file(KIT_STAMP_FILE);
  const outputs = [KIT_FILE, KIT_ARCHIVE, TEMPLATE_FILE].map((file) => Bun.file(file).exists());
  const isWhole = (await Promise.all(outputs)).every(Boolean);
  if (isWhole && (await stamp.exists()) && (await stamp.text()) === hash) return;

  const files: Record<string, string | Blob> = {};
  for (const name of TYPES_OF_PACKAGES) {
    const folder = `node_modules/${name}`;
    for (const file of filesIn(folder)) {
      const isUsed = /(?:^package\.json|^LICENSE.*|\.d\.ts)$/.test(file);
      if (!isUsed || UNUSED_TYPES.test(`${name}/${file}`)) continue;
      files[`node_modules/${name}/${file}`] = await Bun.file(`${folder}/${file}`).text();
    }
  }
  for (const [path, text] of Object.entries(await declarations())) {
    files[`node_modules/luna/${path}`] = text;
  }
  for (const [path, file] of Object.entries(await sdkModules()))
    files[`node_modules/${path}`] = file;
  for (const name of ["sdk", "testing"]) {
    files[`node_modules/luna/${name}.d.ts`] = `export * from "./types/extensions/${name}.js";\n`;
  }
  const zod = { name: "zod", type: "module", main: "./index.js", types: "./index.d.ts" };
  files["node_modules/zod/package.json"] = JSON.stringify(zod);
  files["node_modules/luna/package.json"] = JSON.stringify({ name: "luna", type: "module" });
  files["tsconfig.json"] = await Bun.file("src/extensions/author-tsconfig.json").text();
  await Bun.write(KIT_ARCHIVE, await new Bun.Archive(files, { compress: "gzip" }).bytes());
  await Bun.write(
    KIT_FILE,
    `/** The archive of what authors of extensions need; written by build.ts. */\n// @ts-nocheck: TypeScript knows no such file.\nimport file from "./author-kit.generated.tar.gz" with { type: "file" };\nexport const AUTHOR_KIT: { file: string; hash: string } = { file, hash: "${hash}" };\n`,
  );
  const texts = await Promise.all(
    template.map(async (file) => [file, await Bun.file(`${TEMPLATE_FOLDER}/${file}`).text()]),
  );
  await Bun.write(
    TEMPLATE_FILE,
    `/** The files of a new extension by path; written by build.ts. */\nexport const TEMPLATE: Record<string, string> = ${JSON.stringify(Object.fromEntries(texts), null, 2)};\n`,
  );
  await Bun.write(KIT_STAMP_FILE, hash);
}

/** The value of `--name=value` on the command line. */
function argument(name: string): string | undefined {
  const prefix = `--${name}=`;
  return process.argv.find((word) => word.startsWith(prefix))?.slice(prefix.length);
}

/** Another version than package.json's, to see how one makes way for the other. */
function calling(version: string): BunPlugin {
  return {
    name: "version",
    setup: (build) => {
      build.onLoad({ filter: /[/\\]package\.json$/ }, () => ({
        contents: JSON.stringify({ version }),
        loader: "json",
      }));
    },
  };
}

async function compile(): Promise<void> {
  const version = argument("version");
  await Bun.build({
    entrypoints: ["luna.ts"],
    format: "esm", // Bytecode defaults to CommonJS, which has no top-level await.
    bytecode: true,
    minify: true,
    splitting: true, // Each `luna service <name>` then loads only its own code.
    sourcemap: "linked",
    plugins: version === undefined ? [] : [calling(version)],
    compile: {
      outfile: OUTFILE,
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadPackageJson: true,
    },
  });
}

/** The executable holds its source maps itself; the files beside it are of no use. */
async function removeMaps(): Promise<void> {
  const folder = dirname(OUTFILE);
  await Promise.all(filesIn(folder, "*.map").map((file) => rm(join(folder, file))));
}

await generate();
await generateKit();
if (!process.argv.includes("--generate")) {
  await compile();
  await removeMaps();
  process.stdout.write(`${OUTFILE} is ready\n`);
}
