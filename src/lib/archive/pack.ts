/** Packs a folder into a tar.gz (POSIX ustar, with pax headers for long paths): files alone, and no links. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { InvalidInputError } from "../errors.ts";

const BLOCK = 512;
const NAME_BYTES_MAX = 100;
const FILES_MAX = 10_000;
const BYTES_MAX = 256 * 1024 * 1024;
/** Whoever may run it here may run it there; nothing else of a mode matters. */
const MODE = 0o644;
const MODE_OF_SCRIPTS = 0o755;
const EXECUTABLE = 0o111;

interface Entry {
  path: string;
  type: "file" | "pax";
  mode: number;
  content: Buffer;
}

/** A header and its content, both filled up to whole blocks. */
function blocksOf({ path, type, mode, content }: Entry): Buffer[] {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void =>
    void header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  header.write(path, 0, NAME_BYTES_MAX, "utf8");
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.byteLength, 124, 12);
  // No times: the same files give the same archive.
  octal(0, 136, 12);
  header.write("        ", 148, "latin1");
  header.write(type === "pax" ? "x" : "0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const rest = (BLOCK - (content.byteLength % BLOCK)) % BLOCK;
  return [header, content, Buffer.alloc(rest)];
}

/** `<length> path=<path>\n`, where the length counts itself. */
function paxRecord(path: string): Buffer {
  const body = ` path=${path}\n`;
  const bytes = Buffer.byteLength(body);
  let length = bytes + String(bytes).length;
  length = bytes + String(length).length;
  return Buffer.from(`${length}${body}`);
}

function entryBlocks(path: string, mode: number, content: Buffer): Buffer[] {
  const file = { path, type: "file", mode, content } as const;
  if (Buffer.byteLength(path) <= NAME_BYTES_MAX) return blocksOf(file);
  const header = { path: "pax", type: "pax", mode: MODE, content: paxRecord(path) } as const;
  return [...blocksOf(header), ...blocksOf({ ...file, path: "long" })];
}

export interface Packed {
  /** gzip */
  bytes: Uint8Array<ArrayBuffer>;
  files: number;
  /** What was left out because it is no file, by its path. */
  skipped: string[];
}

/**
 * Packs the files of `folder` under `prefix`.
 * @param isLeftOut asked with each name of a file or folder, wherever it is
 * @throws InvalidInputError when there is too much
 */
export async function packFolder(
  folder: string,
  { prefix, isLeftOut }: { prefix: string; isLeftOut(name: string): boolean },
): Promise<Packed> {
  const blocks: Buffer[] = [];
  const skipped: string[] = [];
  let files = 0;
  let bytes = 0;
  const add = async (inside: string): Promise<void> => {
    const entries = await readdir(join(folder, inside), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      if (isLeftOut(entry.name)) continue;
      if (entry.isDirectory()) await add(path);
      else if (entry.isFile()) {
        const { mode, size } = await stat(join(folder, path));
        files += 1;
        bytes += size;
        if (files > FILES_MAX || bytes > BYTES_MAX) {
          throw new InvalidInputError(
            `Cannot pack "${folder}": it has more than ${FILES_MAX} files or ${BYTES_MAX} bytes`,
          );
        }
        const kept = (mode & EXECUTABLE) === 0 ? MODE : MODE_OF_SCRIPTS;
        blocks.push(...entryBlocks(`${prefix}/${path}`, kept, await readFile(join(folder, path))));
      } else skipped.push(path);
    }
  };
  await add("");
  const packed = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
  return { bytes: new Uint8Array(packed), files, skipped };
}
