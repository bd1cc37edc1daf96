/** How much an archive may hold before it is refused. */

export interface ArchiveLimits {
  /** Files and folders that are written. */
  entries_max: number;
  /** All that it lists, what is passed over included. */
  listed_max: number;
  /** Of all files that are written, as counted while they are inflated. */
  bytes_max: number;
  /** Of one file. */
  file_bytes_max: number;
  /** Of all that is inflated, what is passed over included: a large repository of which one folder is wanted. */
  scanned_bytes_max: number;
  /** Inflated bytes for each byte of the archive … */
  ratio_max: number;
  /** … beyond so many, which a good archive of little text may have. */
  ratio_free_bytes: number;
  /** Folders within folders. */
  depth_max: number;
  /** Of a whole path within the archive, in UTF-8. */
  path_bytes_max: number;
  /** Of one file's or folder's name, in UTF-8: what Linux takes. */
  name_bytes_max: number;
}

const MEBIBYTE = 1024 ** 2;

export const ARCHIVE_LIMITS: ArchiveLimits = {
  entries_max: 20_000,
  listed_max: 200_000,
  bytes_max: 512 * MEBIBYTE,
  file_bytes_max: 256 * MEBIBYTE,
  scanned_bytes_max: 2048 * MEBIBYTE,
  ratio_max: 100,
  ratio_free_bytes: 16 * MEBIBYTE,
  depth_max: 32,
  path_bytes_max: 1_024,
  name_bytes_max: 255,
};
