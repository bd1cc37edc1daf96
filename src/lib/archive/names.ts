/** Names within an archive: which are refused, and which are one and the same on some file system. */
import { ArchiveFault, shown } from "./entry.ts";
import type { ArchiveLimits } from "./limits.ts";

const DRIVE = /^[A-Za-z]:/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for.
const CONTROL = /[\u0000-\u001F\u007F-\u009F]/;
/** What Windows has for devices, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;
/** What a Mac adds to every archive that it makes. */
const OF_A_MAC = /^(?:__MACOSX(?:\/|$)|(?:.*\/)?\.DS_Store$)/;

/** Whether the name is nothing that somebody put there. */
export function isLitter(name: string): boolean {
  return OF_A_MAC.test(name);
}

function lengthOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/**
 * The names that the path is made of; no path leads out of its folder, or is another one elsewhere.
 * @throws ArchiveFault
 */
export function segmentsOf(name: string): string[] {
  const refuse = (why: string): never => {
    throw new ArchiveFault(`the name ${shown(name)} ${why}`);
  };
  if (CONTROL.test(name)) refuse("has control characters");
  if (name.includes("\\")) refuse("has a backslash, should have / between folders");
  const plain = name.replace(/\/$/, "").replace(/^(?:\.\/)+/, "");
  if (name.startsWith("/") || DRIVE.test(plain)) {
    refuse("is absolute, should be inside the archive");
  }
  // The archive's own folder, as tar writes it.
  if (plain === "." || plain === "") return [];
  const segments = plain.split("/");
  if (segments.includes("..")) refuse("leads out of the archive");
  if (segments.some((one) => one === "" || one === ".")) refuse("has an empty part");
  return segments;
}

/** What no file system that somebody may have should be asked to keep. @throws ArchiveFault */
function checkSegments(segments: readonly string[], limits: ArchiveLimits): void {
  const path = segments.join("/");
  if (segments.length > limits.depth_max) {
    throw new ArchiveFault(`${shown(path)} lies in more than ${limits.depth_max} folders`);
  }
  if (lengthOf(path) > limits.path_bytes_max) {
    throw new ArchiveFault(`the path ${shown(path)} is over ${limits.path_bytes_max} bytes`);
  }
  for (const name of segments) {
    if (lengthOf(name) > limits.name_bytes_max) {
      throw new ArchiveFault(`the name ${shown(name)} is over ${limits.name_bytes_max} bytes`);
    }
    if (DEVICE.test(name)) throw new ArchiveFault(`the name ${shown(path)} is a device's`);
    if (/[. ]$/.test(name)) {
      throw new ArchiveFault(`the name ${shown(path)} ends in a dot or a space`);
    }
  }
}

/** The same for names that some file system takes for one: of other case, or otherwise composed. */
function folded(path: string): string {
  return path.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

interface Known {
  path: string;
  kind: "file" | "folder";
  /** Listed by itself, not only on the way to something. */
  isListed: boolean;
}

/** The paths that an archive has listed so far. */
export class ListedNames {
  readonly #limits: ArchiveLimits;
  readonly #known = new Map<string, Known>();

  constructor(limits: ArchiveLimits) {
    this.#limits = limits;
  }

  /**
   * Takes in one more path.
   * @returns the folders on its way that are new, the outermost first; the path itself is one if it is a folder
   * @throws ArchiveFault when it is no good, or is there already in whatever spelling
   */
  add(segments: readonly string[], kind: "file" | "folder"): string[] {
    checkSegments(segments, this.#limits);
    const folders: string[] = [];
    for (let depth = 1; depth <= segments.length; depth += 1) {
      const path = segments.slice(0, depth).join("/");
      const isListed = depth === segments.length;
      const one: Known = { path, kind: isListed ? kind : "folder", isListed };
      if (this.#isNew(one) && one.kind === "folder") folders.push(path);
    }
    return folders;
  }

  #isNew(one: Known): boolean {
    const key = folded(one.path);
    const known = this.#known.get(key);
    if (known === undefined) {
      if (this.#known.size >= this.#limits.entries_max) {
        throw new ArchiveFault(`it has more than ${this.#limits.entries_max} files and folders`);
      }
      this.#known.set(key, one);
      return true;
    }
    if (known.path !== one.path) {
      throw new ArchiveFault(
        `${shown(known.path)} and ${shown(one.path)} are one name on some file systems`,
      );
    }
    if (known.kind !== one.kind) {
      throw new ArchiveFault(`${shown(one.path)} is both a file and a folder`);
    }
    if (known.isListed && one.isListed) {
      throw new ArchiveFault(`${shown(one.path)} is in it twice`);
    }
    known.isListed ||= one.isListed;
    return false;
  }
}
