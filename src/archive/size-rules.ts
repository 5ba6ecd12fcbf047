import { formatBytes } from "../base/byte-size.ts";
import { archiveTooLarge } from "../domain/archive-errors.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { ENTRY_RATIO_FREE_BYTES, MAX_ENTRY_RATIO, MAX_TOTAL_RATIO, TOTAL_RATIO_FREE_BYTES } from "./archive-limits.ts";
import { showName } from "./entry-name.ts";

const LEAVE_DATA_OUT = "Leave out what the program does not need, and put data into a bucket.";
const NOT_FOR_CODE = "Code never shrinks this far; make such a file when the program starts, or put it into a bucket.";

interface DeclaredSizes {
  readonly name: string;
  readonly packedBytes: number;
  readonly sizeBytes: number;
}

export function tooManyEntries(limit: number): Error {
  return archiveTooLarge(`it has more than ${limit} files and folders`, LEAVE_DATA_OUT);
}

export function checkArchiveSize(archiveBytes: number, limits: ArchiveLimits): void {
  if (archiveBytes <= limits.archiveBytes) return;
  throw archiveTooLarge(
    `the ZIP has ${formatBytes(archiveBytes)}, and the limit is ${formatBytes(limits.archiveBytes)}`,
    LEAVE_DATA_OUT,
  );
}

/** Judges declared sizes only; unpacking holds each file to its own. Returns all of them together. */
export function checkSizes(files: readonly DeclaredSizes[], limits: ArchiveLimits): number {
  let packedBytes = 0;
  let totalBytes = 0;
  for (const file of files) {
    packedBytes += file.packedBytes;
    totalBytes += file.sizeBytes;
    if (totalBytes > limits.totalBytes) {
      throw archiveTooLarge(
        `up to '${showName(file.name)}' its files have ${formatBytes(totalBytes)} unpacked, and the limit is ${formatBytes(limits.totalBytes)}`,
        LEAVE_DATA_OUT,
      );
    }
    if (file.sizeBytes > ENTRY_RATIO_FREE_BYTES && file.sizeBytes > file.packedBytes * MAX_ENTRY_RATIO) {
      throw archiveTooLarge(`'${showName(file.name)}' ${sayGrowth(file.packedBytes, file.sizeBytes)}`, NOT_FOR_CODE);
    }
  }
  if (totalBytes > TOTAL_RATIO_FREE_BYTES && totalBytes > packedBytes * MAX_TOTAL_RATIO) {
    throw archiveTooLarge(`as a whole it ${sayGrowth(packedBytes, totalBytes)}`, NOT_FOR_CODE);
  }
  return totalBytes;
}

function sayGrowth(packedBytes: number, sizeBytes: number): string {
  return `would grow from ${formatBytes(packedBytes)} to ${formatBytes(sizeBytes)}`;
}
