/** Archives that nobody would make, thousands of them: a whole good tree or nothing, and no byte outside. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { makeTar, makeTarGz, makeZip, paxRecord } from "../../../tests/support/archives.ts";
import { InvalidInputError } from "../errors.ts";
import { unpack } from "./unpack.ts";

/** `LUNA_FUZZ_RUNS=5000 bun test src/lib/archive/fuzz.test.ts` looks longer, from another place each time. */
const { LUNA_FUZZ_RUNS, LUNA_FUZZ_SEED } = Bun.env;
const RUNS = Number(LUNA_FUZZ_RUNS ?? 150);
const SEED = Number(
  LUNA_FUZZ_SEED ?? (LUNA_FUZZ_RUNS === undefined ? 20_261_126 : Date.now() % 2 ** 31),
);
const RSS_GROWTH_BYTES_MAX = 192 * 1024 ** 2;
const TIMEOUT_MS = 20_000 + RUNS * 100;
const LIMITS = { bytes_max: 300_000, file_bytes_max: 200_000, entries_max: 40, depth_max: 6 };

let outer: string;
/** Where nothing may ever be. */
let absolute: string;
/** Two folders above the new one, so that there is something to climb to. */
let inner: string;

beforeAll(async () => {
  outer = await mkdtemp(join(tmpdir(), "luna-fuzz-"));
  absolute = join(outer, "absolute");
  inner = join(outer, "a", "b");
  await mkdir(inner, { recursive: true });
  process.stderr.write(`archives: seed ${SEED}, ${RUNS} of each kind\n`);
});
afterAll(() => rm(outer, { recursive: true, force: true }));

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "A", "é", "e\u0301", "tools", "x.ts") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("..", ".", "", "CON", "a.", "a\\b", "C:", "\u0000", "~"),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 300, unit: "binary" }) },
);
const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.array(segment, { minLength: 1, maxLength: 8 }).map((all) => all.join("/")),
  },
  { weight: 1, arbitrary: fc.constant("").map(() => `${absolute}/x`) },
  { weight: 1, arbitrary: fc.nat(12).map((depth) => `${"../".repeat(depth)}escaped`) },
);
const content = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 2_000 }) },
  { weight: 1, arbitrary: fc.nat(400_000).map((length) => "\0".repeat(length)) },
);
const link = fc.constantFrom("/etc/passwd", "..", "../../..", "a", ".");

/** Names and modes that nobody minds, now and then beside one that somebody does. */
const mostlyHarmless = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom("a/", "a/b/x", "a/b/y.sh", "a/tools/z.ts", "c", "a/b/"), {
      minLength: 1,
    }),
    content,
    fc.option(name, { freq: 3 }),
  )
  .map(([names, content, odd]) => {
    const all = names.map((name) => ({ name, content: name.endsWith("/") ? "" : content }));
    return odd === null ? all : [...all, { name: odd, content }];
  });

const wildZip = fc
  .array(
    fc.record(
      {
        ...{ name, content, isFollowed: fc.boolean() },
        mode: fc.constantFrom(0, 0o100644, 0o100755, 0o040755, 0o120777, 0o060644, 0o104755),
        method: fc.constantFrom(0, 8, 8, 8, 14),
        flags: fc.constantFrom(0, 0x0800, 0x0800, 0x0801),
        offset: fc.nat(200),
        local: fc.record({ size: fc.nat(3_000), name, crc: fc.nat() }, { requiredKeys: [] }),
        central: fc.record({ size: fc.nat(3_000), name, crc: fc.nat() }, { requiredKeys: [] }),
      },
      { requiredKeys: ["name", "content"] },
    ),
    { maxLength: 12 },
  )
  .map((entries) => makeZip(entries));

const wildTar = fc
  .array(
    fc.record(
      {
        ...{ name, content, link },
        type: fc.constantFrom("0", "0", "0", "5", "1", "2", "3", "6", "x", "g", "L", "S"),
        mode: fc.constantFrom(0o644, 0o755, 0o4755),
        size: fc.nat(3_000),
      },
      { requiredKeys: ["name", "content"] },
    ),
    { maxLength: 12 },
  )
  .map((entries) =>
    makeTarGz(
      entries.flatMap((entry) => {
        if (entry.type === "x") {
          const pax = { name: "x", type: "x", content: paxRecord("path", entry.name) };
          return [pax, { name: "y", content: entry.content }];
        }
        return [entry];
      }),
    ),
  );

const zip = fc.oneof(
  wildZip,
  mostlyHarmless.map((entries) => makeZip(entries)),
);
const tar = fc.oneof(wildTar, mostlyHarmless.map(makeTarGz));

/** A good archive of which some bytes are others. */
const GOOD = [
  { name: "config.json", content: '{"name":"x"}' },
  { name: "tools/x_tools.ts", content: "export const TOOLS = [];\n".repeat(20) },
  { name: "ui/" },
  { name: "ui/start.sh", content: "#!/bin/sh\n" },
];
const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
  maxLength: 6,
});

function changed(bytes: Buffer, edits: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [where, value] of edits) {
    copy[Math.min(copy.byteLength - 1, Math.floor(where * copy.byteLength))] = value;
  }
  return copy;
}
const mutated = fc
  .tuple(
    fc.constantFrom("zip", "tar", "tape"),
    changes,
    fc.double({ min: 0.5, max: 3, noNaN: true }),
  )
  .map(([kind, edits, kept]) => {
    if (kind === "tape") return gzipSync(changed(makeTar(GOOD), edits));
    const bytes = changed(kind === "zip" ? makeZip(GOOD) : makeTarGz(GOOD), edits);
    return kept >= 1 ? bytes : bytes.subarray(0, Math.ceil(bytes.byteLength * kept));
  });

const options = fc.constantFrom(
  {},
  { stripTop: "always" as const },
  { stripTop: { unless: ["tools"] } },
  { only: "a" },
  { stripTop: "always" as const, only: "a/b" },
);

/** All of a folder; what is neither a file nor a folder is a failure by itself. */
async function listed(folder: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const { mode, size } = await lstat(join(entry.parentPath, entry.name));
    if (!entry.isFile() && !entry.isDirectory()) throw new Error(`"${entry.name}" is a link`);
    if ((mode & 0o7022) !== 0) throw new Error(`"${entry.name}" has the mode ${mode.toString(8)}`);
    if (!entry.isFile()) continue;
    files += 1;
    bytes += size;
  }
  return { files, bytes };
}

let good = 0;

async function attempt(archive: Buffer, given: object): Promise<void> {
  const path = join(inner, "archive");
  const into = join(inner, "tree");
  await writeFile(path, archive);
  try {
    const { files, bytes } = await unpack(path, { into, label: "it", limits: LIMITS, ...given });
    expect(await listed(into)).toEqual({ files, bytes });
    expect(bytes).toBeLessThanOrEqual(LIMITS.bytes_max);
    good += 1;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    expect(error.code).toBe("bad_archive");
    expect(existsSync(into)).toBe(false);
  }
  await rm(into, { recursive: true, force: true });
  expect(await readdir(inner)).toEqual(["archive"]);
  expect([await readdir(outer), await readdir(join(outer, "a"))]).toEqual([["a"], ["b"]]);
  expect(existsSync(absolute)).toBe(false);
}

test.each([
  ["zip", zip],
  ["tar.gz", tar],
  ["changed bytes", mutated],
])(
  "%s",
  async (_kind, archives) => {
    good = 0;
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    await fc.assert(fc.asyncProperty(archives, options, attempt), {
      ...{ seed: SEED, numRuns: RUNS, endOnFailure: true },
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(RSS_GROWTH_BYTES_MAX);
    // A test in which nothing is ever unpacked would prove little.
    expect(good).toBeGreaterThan(RUNS / 50);
    expect(existsSync(join(tmpdir(), "escaped"))).toBe(false);
  },
  TIMEOUT_MS,
);
