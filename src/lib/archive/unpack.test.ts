/** Archives good and bad: whole trees or nothing, and never a byte outside. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  makeTar,
  makeTarGz,
  makeZip,
  paxRecord,
  type TarEntry,
  type ZipEntry,
} from "../../../tests/support/archives.ts";
import { LunaError } from "../errors.ts";
import { unpack } from "./unpack.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-archive-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
});

type Options = Partial<Parameters<typeof unpack>[1]>;

async function unpacked(archive: Buffer, options: Options = {}) {
  const path = join(folder, "archive");
  await writeFile(path, archive);
  return unpack(path, { into: join(folder, "tree"), label: "it", ...options });
}

/** Path → content, folders with a slash behind them. */
async function tree(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const root = join(folder, "tree");
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (entry.isDirectory()) found[`${path}/`] = "";
    else found[path] = await readFile(join(root, path), "utf8");
  }
  return found;
}

/** The reason of the refusal, after it was made sure that nothing is left of the attempt. */
async function reason(archive: Buffer, options: Options = {}): Promise<string> {
  const error = await unpacked(archive, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LunaError);
  expect(await readdir(folder)).toEqual(["archive"]);
  return (error as LunaError).message;
}

describe("good archives", () => {
  const files = {
    "config.json": '{"name":"x"}',
    "tools/x_tools.ts": "export const TOOLS = [];\n".repeat(50),
    "tools/": "",
    "ui/": "",
    "ui/start.sh": "#!/bin/sh\n",
    "ui/ünïcode 日本語.txt": "é",
    "empty/": "",
    "empty.txt": "",
  };
  const entries = Object.entries(files).map(([name, content]) => ({
    ...{ name, content },
    ...(name.endsWith(".sh") ? { mode: 0o104751 } : {}),
  }));
  const zipped = entries.map((one) => ("mode" in one ? { ...one, mode: 0o104751 } : one));
  const taped = entries.map((one) => ("mode" in one ? { ...one, mode: 0o4751 } : one));

  test.each([
    ["a zip", makeZip(zipped)],
    ["a zip with a comment", makeZip(zipped, { comment: Buffer.from("PK\x05\x06 hello") })],
    ["a streamed zip", makeZip(zipped.map((one) => ({ ...one, isFollowed: true })))],
    ["a zip with both ends", makeZip(zipped, { isLong: true })],
    ["a stored zip", makeZip(zipped.map((one) => ({ ...one, method: 0 })))],
    ["a tar.gz", makeTarGz(taped)],
    ["a tar.gz in pieces", Buffer.concat([gzipSync(makeTar(taped)), gzipSync(Buffer.alloc(512))])],
  ])("%s", async (_what, archive) => {
    const { bytes, files: count, tree_sha256 } = await unpacked(archive);
    expect(await tree()).toEqual(files);
    expect(count).toBe(5);
    expect(bytes).toBe(Buffer.byteLength(Object.values(files).join("")));
    // The same tree however it was packed.
    expect(tree_sha256).toBe("7e457939222824d255a7c70fda2ac4b69a7a06fe60bc6e7c5870ea0a233297f6");
    const mode = async (path: string) => (await stat(join(folder, "tree", path))).mode & 0o7777;
    expect(await mode("ui/start.sh")).toBe(0o755);
    expect(await mode("config.json")).toBe(0o644);
    expect(await mode("ui")).toBe(0o755);
  });

  test("long names, as pax and as GNU have them", async () => {
    const name = `${"a".repeat(90)}/${"b".repeat(90)}/${"c".repeat(90)}`;
    const pax = { name: "x", type: "x", content: paxRecord("path", `${name}.pax`) };
    await unpacked(makeTarGz([{ name, content: "1" }, pax, { name: "y", content: "2" }]));
    const found = await tree();
    expect([found[name], found[`${name}.pax`]]).toEqual(["1", "2"]);
  });

  test("what a Mac adds is left out", async () => {
    const litter = ["__MACOSX/", "__MACOSX/._a", ".DS_Store", "a/.DS_Store"];
    const names = ["a/x", ...litter].map((name) => ({
      name,
      content: name.endsWith("/") ? "" : "x",
    }));
    await unpacked(makeZip(names));
    expect(await tree()).toEqual({ "a/": "", "a/x": "x" });
  });

  test("the one folder at the top is taken off, always or when it is alone", async () => {
    const inside = [
      { name: "top/a", content: "1" },
      { name: "top/b/c", content: "2" },
    ];
    const expected = { a: "1", "b/": "", "b/c": "2" };
    await unpacked(makeZip(inside), { stripTop: "always" });
    expect(await tree()).toEqual(expected);
    await rm(join(folder, "tree"), { recursive: true });
    const { tree_sha256 } = await unpacked(makeZip(inside), { stripTop: { unless: ["tools"] } });
    expect(await tree()).toEqual(expected);
    await rm(join(folder, "tree"), { recursive: true });
    const plain = await unpacked(
      makeTarGz([
        { name: "b/c", content: "2" },
        { name: "a", content: "1" },
      ]),
    );
    expect(plain.tree_sha256).toBe(tree_sha256);
    await rm(join(folder, "tree"), { recursive: true });
    await unpacked(makeZip(inside), { stripTop: { unless: ["top"] } });
    expect(Object.keys(await tree())).toContain("top/a");
  });

  test("only a folder of it, whatever is elsewhere", async () => {
    const entries: TarEntry[] = [
      { name: "top/" },
      { name: "top/link", type: "2", link: "/etc/passwd" },
      { name: "top/aux", content: "a device's name" },
      { name: "top/ext/one/" },
      { name: "top/ext/one/config.json", content: "{}" },
      { name: "top/ext/one/tools/t.ts", content: "1" },
      { name: "top/ext/one-more/config.json", content: "no" },
    ];
    const options = { stripTop: "always", only: "ext/one" } as const;
    await unpacked(makeTarGz(entries), options);
    expect(await tree()).toEqual({ "config.json": "{}", "tools/": "", "tools/t.ts": "1" });
    await rm(join(folder, "tree"), { recursive: true });
    const missing = { ...options, only: "ext/two" } as const;
    expect(await reason(makeTarGz(entries), missing)).toContain('no folder "ext/two"');
    const file = { ...options, only: "ext/one/config.json" } as const;
    expect(await reason(makeTarGz(entries), file)).toContain("is not a folder");
  });
});

describe("names that are refused", () => {
  const long = "n".repeat(256);
  const cases: [name: string, why: string][] = [
    ["../x", "leads out"],
    ["a/../../x", "leads out"],
    ["a/..", "leads out"],
    ["..", "leads out"],
    [".././x", "leads out"],
    ["/etc/x", "absolute"],
    ["//x", "absolute"],
    ["C:x", "absolute"],
    ["c:/x", "absolute"],
    ["./c:x", "absolute"],
    ["a\\..\\x", "backslash"],
    ["\\\\host\\x", "backslash"],
    ["a\u0000b", "control"],
    ["a\nb", "control"],
    ["a\u009bb", "control"],
    ["a//b", "empty part"],
    ["a/./b", "empty part"],
    ["CON", "device"],
    ["a/nul.txt", "device"],
    ["lpt1", "device"],
    ["a./b", "dot or a space"],
    ["a ", "dot or a space"],
    [long, "over 255 bytes"],
    ["é".repeat(128), "over 255 bytes"],
    [Array(60).fill("d".repeat(20)).join("/"), "32 folders"],
    [Array(30).fill("d".repeat(60)).join("/"), "over 1024 bytes"],
  ];
  test.each(cases)("%j", async (name, why) => {
    const innocent = { name: "a-first", content: "x" };
    expect(await reason(makeZip([innocent, { name, content: "x" }]))).toContain(why);
    // In a tar's own header a NUL ends the name; in a pax header it does not.
    const pax = { name: "x", type: "x", content: paxRecord("path", name) };
    expect(await reason(makeTarGz([innocent, pax, { name: "y", content: "x" }]))).toContain(why);
  });

  test("what is no UTF-8", async () => {
    const name = Buffer.from([0x61, 0xff, 0xfe]);
    expect(await reason(makeZip([{ name, content: "x" }]))).toContain("not UTF-8");
    expect(await reason(makeTarGz([{ name, content: "x" }]))).toContain("not UTF-8");
  });

  const collisions: [one: string, other: string, why: string][] = [
    ["a", "a", "twice"],
    ["a/b", "a/b", "twice"],
    ["f/", "f/", "twice"],
    ["README", "readme", "one name"],
    ["Tools/x", "tools/y", "one name"],
    ["straße", "STRASSE", "one name"],
    ["caf\u00e9", "cafe\u0301", "one name"],
    ["\u212b", "\u00e5", "one name"],
    ["ﬁle", "file", "one name"],
    ["a", "a/b", "both a file and a folder"],
    ["a/b", "a", "both a file and a folder"],
    ["a/", "a", "both a file and a folder"],
  ];
  test.each(collisions)("%j beside %j", async (one, other, why) => {
    const entries = [one, other].map((name) => ({ name, content: name.endsWith("/") ? "" : "x" }));
    expect(await reason(makeZip(entries))).toContain(why);
    expect(await reason(makeTarGz(entries))).toContain(why);
  });
});

describe("kinds that are refused", () => {
  test.each([
    ["1", "hard link"],
    ["2", "symbolic link"],
    ["3", "device"],
    ["4", "device"],
    ["6", "named pipe"],
    ["S", "unknown type"],
    ["Z", "unknown type"],
  ])("tar's type %s", async (type, why) => {
    for (const link of ["x", "/etc/passwd", "../../x"]) {
      expect(await reason(makeTarGz([{ name: "a", type, link }]))).toContain(why);
    }
  });

  test.each([
    [0o120777, "symbolic link"],
    [0o060644, "device"],
    [0o020644, "device"],
    [0o010644, "named pipe"],
    [0o140644, "socket"],
    [0o040755, "both a file and a folder"],
  ])("zip's mode %o", async (mode, why) => {
    expect(await reason(makeZip([{ name: "a", content: "/etc/passwd", mode }]))).toContain(why);
  });

  test("a symbolic link that a later file would go through", async () => {
    const link = { name: "l", type: "2", link: tmpdir() };
    expect(await reason(makeTarGz([link, { name: "l/x", content: "x" }]))).toContain("symbolic");
    const zip = [
      { name: "l", mode: 0o120777, content: tmpdir() },
      { name: "l/x", content: "x" },
    ];
    expect(await reason(makeZip(zip))).toContain("symbolic");
  });

  test("folders with content, files that are folders", async () => {
    expect(await reason(makeZip([{ name: "a/", content: "x" }]))).toContain("has content");
    expect(await reason(makeTarGz([{ name: "a/", content: "x" }]))).toContain("has content");
    expect(await reason(makeTarGz([{ name: "a", type: "5", content: "x" }]))).toContain("content");
    expect(await reason(makeZip([{ name: "a/", mode: 0o100644 }]))).toContain("both");
  });
});

describe("zips that are not what they look", () => {
  const content = "a text that is long enough to be deflated, enough to be deflated";
  const plain: ZipEntry = { name: "a", content };
  const cases: [what: string, entries: ZipEntry[], why: string][] = [
    ["encrypted", [{ ...plain, flags: 0x0801 }], "encrypted"],
    ["strongly encrypted", [{ ...plain, flags: 0x0841 }], "encrypted"],
    ["an unknown method", [{ ...plain, method: 14 }], "unknown here (14)"],
    ["a wrong checksum", [{ ...plain, central: { crc: 1 }, local: { crc: 1 } }], "checksum"],
    ["a size that is less", [{ ...plain, central: { size: 9 }, local: { size: 9 } }], "larger"],
    ["a size that is more", [{ ...plain, central: { size: 99 }, local: { size: 99 } }], "smaller"],
    ["another name in its own header", [{ ...plain, local: { name: "b" } }], "disagree"],
    ["another size in its own header", [{ ...plain, local: { size: 9 } }], "disagree"],
    ["another checksum in its own header", [{ ...plain, local: { crc: 9 } }], "disagree"],
    ["encrypted in its own header", [{ ...plain, local: { flags: 0x0801 } }], "disagree"],
    ["a hidden file", [{ ...plain, gap: makeZip([plain]).subarray(0, 60) }, plain], "not listed"],
    ["a file at another's place", [plain, { ...plain, name: "b", offset: 0 }], "is cut off"],
    ["too large for a zip", [{ ...plain, central: { size: 0xffffffff } }], "too large"],
  ];
  test.each(cases)("%s", async (_what, entries, why) => {
    expect(await reason(makeZip(entries))).toContain(why);
  });

  test("its directory", async () => {
    const zip = makeZip([plain]);
    expect(await reason(makeZip([plain, plain], { entries: 1 }))).toContain("more than it says");
    expect(await reason(makeZip([plain], { entries: 2 }))).toContain("directory is damaged");
    expect(await reason(makeZip([plain], { entries: 0xffff }))).toContain("more than 20000");
    expect(await reason(makeZip([plain], { prefix: Buffer.from("PK#!") }))).toContain("should be");
    expect(await reason(makeZip([], { prefix: Buffer.from("PK#!") }))).toContain("not listed");
    expect(await reason(makeZip([]))).toContain("no file");
    for (let length = 4; length < zip.byteLength; length += 7) {
      await reason(zip.subarray(0, length));
    }
    const long = makeZip([plain], { isLong: true, entries: 2 });
    expect(await reason(long)).toContain("two ends disagree");
    expect(await reason(Buffer.concat([zip, Buffer.from("x")]))).toContain("cut off");
  });
});

describe("tapes that are not what they look", () => {
  const file = { name: "a", content: "some text" };
  test.each([
    ["a wrong checksum", makeTar([{ ...file, checksum: 5 }]), "checksum"],
    ["a size of letters", makeTar([{ ...file, size: Buffer.from("zz") }]), "no number"],
    ["a negative size", makeTar([{ ...file, size: Buffer.alloc(12, 0xff) }]), "too large"],
    ["more size than there is", makeTar([{ ...file, size: 99_999 }]), "cut off"],
    ["no end", makeTar([file]).subarray(0, 1024), "cut off"],
    ["half an end", makeTar([file]).subarray(0, 1536), "cut off"],
    ["something after the end", makeTar([file], makeTar([file])), "after its end"],
    ["an empty header", Buffer.concat([Buffer.alloc(512), makeTar([file])]), "is empty"],
    [
      "a name for all",
      makeTar([{ name: "g", type: "g", content: paxRecord("path", "x") }, file]),
      "one name",
    ],
    [
      "a sparse file",
      makeTar([{ name: "x", type: "x", content: paxRecord("GNU.sparse.name", "x") }, file]),
      "sparse",
    ],
    [
      "a damaged pax header",
      makeTar([{ name: "x", type: "x", content: "99 path=x\n" }, file]),
      "pax",
    ],
    [
      "a huge pax header",
      makeTar([{ name: "x", type: "x", content: paxRecord("comment", "x".repeat(70_000)) }, file]),
      "over 65536",
    ],
    [
      "a name without a file",
      makeTar([{ name: "x", type: "x", content: paxRecord("path", "x") }]),
      "no file",
    ],
  ])("%s", async (_what, tar, why) => {
    expect(await reason(gzipSync(tar))).toContain(why);
  });

  test("damaged and cut off gzip", async () => {
    const archive = makeTarGz([{ name: "a", content: randomBytes(3000).toString("hex") }]);
    for (let length = 2; length < archive.byteLength; length += 97) {
      expect(await reason(archive.subarray(0, length))).toContain("cut off");
    }
    const last = Buffer.from(archive);
    last[last.byteLength - 6] = (last[last.byteLength - 6] ?? 0) ^ 1;
    expect(await reason(last)).toContain("damaged");
    expect(await reason(Buffer.concat([archive, Buffer.from("more")]))).toContain("damaged");
  });

  test("what is no archive", async () => {
    for (const bytes of ["", "P", "<html>", "\u001f", makeTar([file]).toString("latin1")]) {
      expect(await reason(Buffer.from(bytes, "latin1"))).toContain("neither a zip nor a tar.gz");
    }
  });
});

describe("limits", () => {
  const nothing = Buffer.alloc(1024 ** 2);
  const noise = randomBytes(128 * 1024);
  const many = Array.from({ length: 24 }, (_, index) => ({ name: `f${index}`, content: noise }));

  test("a bomb: more than so many times its size", async () => {
    const limits = { ratio_free_bytes: 100_000 };
    for (const archive of [
      makeZip([{ name: "a", content: nothing }]),
      makeTarGz([{ name: "a", content: nothing }]),
    ]) {
      expect(await reason(archive, { limits })).toContain("times its size");
      // Text may be as small as that.
      await unpacked(archive);
      await rm(join(folder, "tree"), { recursive: true });
    }
  });

  test("a zip whose files share their data", async () => {
    const shared = [
      { name: "a", content: noise },
      { name: "a", content: noise, offset: 0 },
    ];
    expect(await reason(makeZip(shared))).toContain("is cut off");
  });

  test("one file, all files, and how many", async () => {
    for (const make of [makeZip, makeTarGz]) {
      const archive = make(many);
      expect(await reason(archive, { limits: { file_bytes_max: 100_000 } })).toContain(
        "is over 100000 bytes",
      );
      expect(await reason(archive, { limits: { bytes_max: 2_000_000 } })).toContain("together");
      expect(await reason(archive, { limits: { entries_max: 23 } })).toContain("more than 23");
      expect(await reason(archive, { limits: { listed_max: 23 } })).toContain("more than 23");
    }
    const limits = { scanned_bytes_max: 1_000_000 };
    const only = "elsewhere";
    expect(await reason(makeTarGz(many), { limits, only })).toContain("more than 1000000 bytes");
  });

  test("folders count that nobody listed", async () => {
    const entries = [{ name: "a/b/c/d/e/f/g/h", content: "x" }];
    expect(await reason(makeZip(entries), { limits: { entries_max: 7 } })).toContain("more than 7");
  });

  test("a broken-off attempt leaves nothing", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    expect(unpacked(makeZip(many), { signal })).rejects.toThrow("enough");
    expect((await readdir(folder)).includes("tree")).toBe(false);
  });

  test("what is there is not touched", async () => {
    await unpacked(makeZip([{ name: "a", content: "old" }]));
    const again = unpacked(makeZip([{ name: "a", content: "new" }]));
    expect(again).rejects.toThrow("is there already");
    await again.catch(() => undefined);
    expect(await tree()).toEqual({ a: "old" });
  });
});
