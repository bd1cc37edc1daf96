/** What an archive lists, one after another, whatever its format; and the one way to say that it is bad. */

export interface ArchiveEntry {
  /** As it is written in the archive, not yet looked at. */
  name: string;
  /** `other`: what is never unpacked, such as a link; `what` says it in words. */
  kind: "file" | "folder" | "other";
  what?: string;
  /** The owner's bit, which alone of all modes counts. */
  isExecutable: boolean;
  /** The file's bytes, inflated and counted as they are asked for; to be taken before the next entry, or not at all. */
  content(): AsyncIterable<Uint8Array>;
}

/** Why an archive is refused: the second half of a sentence. */
export class ArchiveFault extends Error {
  constructor(reason: string, options: ErrorOptions = {}) {
    super(reason, options);
    this.name = "ArchiveFault";
  }
}

const SHOWN_LENGTH_MAX = 120;

/** A name out of an archive as a sentence may show it: without what would change the terminal, and not for ever. */
export function shown(name: string): string {
  const text = JSON.stringify(name.slice(0, SHOWN_LENGTH_MAX).toWellFormed());
  const isCut = name.length > SHOWN_LENGTH_MAX;
  return text.replace(/\p{Cf}/gu, "\uFFFD") + (isCut ? "…" : "");
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A name's bytes as text; both formats have UTF-8, or a character set that nobody can know. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    const name = shown(new TextDecoder().decode(bytes));
    throw new ArchiveFault(`the name ${name} is not UTF-8`, { cause });
  }
}
