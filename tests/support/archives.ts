/** Makes zip and tar.gz archives byte by byte, good ones and ones that no good program would make. */
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

const BLOCK_BYTES = 512;
const NEVER = 0x21; // 1980-01-01, the first day that zip knows.

export interface ZipEntry {
  name: string | Buffer;
  content?: string | Buffer;
  /** Type and permissions as Unix has them; a file or a folder by its name otherwise. */
  mode?: number;
  method?: number;
  flags?: number;
  /** What the headers say in place of the truth, both or only the file's own. */
  central?: { crc?: number; size?: number; compressed?: number; name?: string };
  local?: { crc?: number; size?: number; compressed?: number; name?: string; flags?: number };
  /** Sizes and checksum come after the data. */
  isFollowed?: boolean;
  /** Bytes between this entry's data and what comes next. */
  gap?: Buffer;
  /** Where the directory says that it is. */
  offset?: number;
}

interface ZipOptions {
  comment?: Buffer;
  prefix?: Buffer;
  /** What the end says in place of the truth. */
  entries?: number;
  /** With zip64's end before the usual one. */
  isLong?: boolean;
}

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value & 0xffff, index * 2);
  return bytes;
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, index * 4);
  return bytes;
}

function u64(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => u32(value, 0)));
}

function zipEntry(entry: ZipEntry, offset: number) {
  const name = Buffer.from(entry.name);
  const content = Buffer.from(entry.content ?? "");
  const method = entry.method ?? (content.byteLength === 0 ? 0 : 8);
  const data = method === 8 ? deflateRawSync(content) : content;
  const flags = (entry.flags ?? 0x0800) | (entry.isFollowed === true ? 0x0008 : 0);
  const truth = { crc: crc32(content), compressed: data.byteLength, size: content.byteLength };
  const central = { ...truth, ...entry.central };
  const own = entry.isFollowed === true ? { crc: 0, compressed: 0, size: 0 } : truth;
  const local = { ...own, flags, ...entry.local };
  const localName = Buffer.from(entry.local?.name ?? name);
  const centralName = Buffer.from(entry.central?.name ?? name);
  const isFolder = name.toString("latin1").endsWith("/");
  const mode = entry.mode ?? (isFolder ? 0o040755 : 0o100644);
  const descriptor =
    entry.isFollowed === true ? u32(0x08074b50, truth.crc, truth.compressed, truth.size) : "";
  const record = Buffer.concat([
    u32(0x04034b50),
    u16(20, local.flags, method, 0, NEVER),
    u32(local.crc, local.compressed, local.size),
    u16(localName.byteLength, 0),
    localName,
    data,
    Buffer.from(descriptor),
    entry.gap ?? Buffer.alloc(0),
  ]);
  const listed = Buffer.concat([
    u32(0x02014b50),
    u16(0x031e, 20, flags, method, 0, NEVER),
    u32(central.crc, central.compressed, central.size),
    u16(centralName.byteLength, 0, 0, 0, 0),
    u16(0, mode),
    u32(entry.offset ?? offset),
    centralName,
  ]);
  return { record, listed };
}

export function makeZip(entries: readonly ZipEntry[], options: ZipOptions = {}): Buffer {
  const { comment = Buffer.alloc(0), prefix = Buffer.alloc(0) } = options;
  const records: Buffer[] = [prefix];
  const listed: Buffer[] = [];
  let offset = prefix.byteLength;
  for (const entry of entries) {
    const made = zipEntry(entry, offset);
    records.push(made.record);
    listed.push(made.listed);
    offset += made.record.byteLength;
  }
  const directory = Buffer.concat(listed);
  const count = options.entries ?? entries.length;
  const long = Buffer.concat([
    ...[u32(0x06064b50), u64(44), u16(45, 45), u32(0, 0)],
    ...[u64(entries.length, entries.length, directory.byteLength, offset)],
    ...[u32(0x07064b50, 0), u64(offset + directory.byteLength), u32(1)],
  ]);
  if (options.isLong === true) listed.push(long);
  const end = [u32(0x06054b50), u16(0, 0, count, count), u32(directory.byteLength, offset)];
  return Buffer.concat([...records, ...listed, ...end, u16(comment.byteLength), comment]);
}

export interface TarEntry {
  name: string | Buffer;
  content?: string | Buffer;
  mode?: number;
  /** `0` a file, `5` a folder, `1` and `2` links, `x` and `g` pax, `L` a long name. */
  type?: string;
  link?: string;
  /** What the header says in place of the truth. */
  size?: number | Buffer;
  checksum?: number;
}

function tarEntry(entry: TarEntry): Buffer {
  const name = Buffer.from(entry.name);
  if (name.byteLength > 100) {
    const long = tarEntry({ name: "././@LongLink", type: "L", content: `${entry.name}\0` });
    return Buffer.concat([long, tarEntry({ ...entry, name: name.subarray(0, 100) })]);
  }
  const content = Buffer.from(entry.content ?? "");
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, length: number) =>
    `${value.toString(8).padStart(length - 1, "0")}\0`;
  const isFolder = name.toString("latin1").endsWith("/");
  name.copy(header);
  header.write(octal(entry.mode ?? (isFolder ? 0o755 : 0o644), 8), 100, "latin1");
  header.write(octal(0, 8) + octal(0, 8), 108, "latin1");
  const size = entry.size ?? content.byteLength;
  if (typeof size === "number") header.write(octal(size, 12), 124, "latin1");
  else size.copy(header, 124);
  header.write(octal(0, 12), 136, "latin1");
  header.write("        ", 148, "latin1");
  header.write(entry.type ?? (isFolder ? "5" : "0"), 156, "latin1");
  header.write(entry.link ?? "", 157);
  header.write("ustar\x0000", 257, "latin1");
  const sum = entry.checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const padding = Buffer.alloc((BLOCK_BYTES - (content.byteLength % BLOCK_BYTES)) % BLOCK_BYTES);
  return Buffer.concat([header, content, padding]);
}

/** One record of a pax header. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + 1;
  while (`${length}`.length + bytes !== length) length += 1;
  return `${length}${rest}`;
}

/** The tar alone, not gzipped; with what comes after its end. */
export function makeTar(entries: readonly TarEntry[], after: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK_BYTES), after]);
}

export function makeTarGz(entries: readonly TarEntry[]): Buffer {
  return gzipSync(makeTar(entries));
}

/** An archive as GitHub makes them: all in one folder, the commit in a pax header. */
export function githubTarball(
  top: string,
  commit: string,
  files: Readonly<Record<string, string>>,
): Buffer {
  const entries = Object.entries(files).map(([path, content]): TarEntry => {
    const mode = path.endsWith(".sh") ? 0o775 : 0o664;
    return { name: `${top}/${path}`, content, mode };
  });
  const comment = { name: "pax_global_header", type: "g", content: paxRecord("comment", commit) };
  return makeTarGz([comment, { name: `${top}/` }, ...entries]);
}
