/**
 * How large a model definition may be. Everything here is decided from the ZIP's own lists, before a byte is
 * unpacked; unpacking then holds each file to what was declared.
 */
export interface ArchiveLimits {
  /** The ZIP file itself. Whoever receives it should stop reading there, too. */
  readonly archiveBytes: number;
  /** Files and folders together, folders that are only part of a file's name included. */
  readonly entries: number;
  /** All files together, unpacked. */
  readonly totalBytes: number;
}

export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = {
  archiveBytes: 1_073_741_824,
  entries: 20_000,
  totalBytes: 2_147_483_648,
};

/** Limits, and what else a submission knows that helps to read its ZIP. */
export interface ArchiveOptions extends Partial<ArchiveLimits> {
  /**
   * The manifest's command. A single folder around everything is left out when unpacking, unless the command
   * names it (`python pkg/train.py`, `python -m pkg.train`, `cd pkg && …`).
   */
  readonly command?: string;
}

/** Deflate ends at 1,032 to 1; whoever comes this near packs nothing but one repeated byte. */
export const MAX_ENTRY_RATIO = 1000;
/** Below this a file may shrink as much as it likes. */
export const ENTRY_RATIO_FREE_BYTES = 1_000_000;

/** The same for the whole ZIP, so that many entries just under the ratio above do not add up to minutes of work. */
export const MAX_TOTAL_RATIO = 100;
export const TOTAL_RATIO_FREE_BYTES = 100_000_000;

/** What file systems take. */
export const MAX_SEGMENT_BYTES = 255;
/** Linux takes 4,096 for a whole path; the rest is for the folder that the files are unpacked into. */
export const MAX_PATH_BYTES = 3072;
export const MAX_DEPTH = 64;

/** The ZIP's list of files: about 150 bytes for an ordinary entry, so five times what 20,000 of them need. */
export const MAX_DIRECTORY_BYTES = 16_777_216;
