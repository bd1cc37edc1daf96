/** The hash of a tree of files, the same however it was packed: of paths, executable bits and contents. */

export interface HashedFile {
  path: string;
  isExecutable: boolean;
  /** SHA-256 of the content, in hex. */
  sha256: string;
}

/**
 * SHA-256 (hex) over one line `<sha256> <x or -> <path as JSON>` for each file, in the order of the paths' code units.
 * Folders without a file do not count, as in git.
 */
export function treeHash(files: readonly HashedFile[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  const sorted = [...files].sort((one, other) => (one.path < other.path ? -1 : 1));
  for (const { path, isExecutable, sha256 } of sorted) {
    hash.update(`${sha256} ${isExecutable ? "x" : "-"} ${JSON.stringify(path)}\n`);
  }
  return hash.digest("hex");
}
