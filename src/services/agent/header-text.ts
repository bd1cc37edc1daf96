/** The text of a header whose sender wrote UTF-8, although HTTP hands it on byte by byte as Latin-1. */

const UTF8 = new TextDecoder("utf-8", { fatal: true });

export function headerText(header: string): string {
  try {
    return UTF8.decode(Buffer.from(header, "latin1"));
  } catch {
    // No UTF-8: the bytes were Latin-1, and are read already.
    return header;
  }
}
