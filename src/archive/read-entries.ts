import type { Entry, ZipFile } from "yauzl";
import { fromRandomAccessReaderPromise } from "yauzl";
import { formatBytes } from "../base/byte-size.ts";
import { archiveTooLarge, archiveUnreadable, archiveUnsafe } from "../domain/archive-errors.ts";
import type { ArchiveFile } from "./archive-file.ts";
import { passSystemError } from "./archive-file.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { MAX_DIRECTORY_BYTES } from "./archive-limits.ts";
import { detectFormat, FORMAT_HEAD_BYTES, sayNotZip } from "./detect-format.ts";
import type { EndRecord } from "./end-record.ts";
import { readEndRecord, splitArchive } from "./end-record.ts";
import { decodeName, showName } from "./entry-name.ts";
import type { DataRange } from "./local-header.ts";
import { locateData, refuseOverlaps } from "./local-header.ts";
import { Pace } from "./pace.ts";
import { tooManyEntries } from "./size-rules.ts";

const DIRECTORY_RECORD_BYTES = 46;
const STORED = 0;
const DEFLATED = 8;
const METHOD_NAMES: Readonly<Record<number, string>> = {
  1: "Shrink",
  6: "Implode",
  9: "Deflate64",
  12: "bzip2",
  14: "LZMA",
  93: "Zstandard",
  95: "xz",
  96: "JPEG",
  97: "WavPack",
  98: "PPMd",
};
const PACK_WITH_ZIP = "Pack the files with zip: cd FOLDER && zip -r ../model.zip .";
const AES = 99;
const ENCRYPTION_FLAGS = 0x0001 | 0x0040 | 0x2000;

/** One entry of a ZIP whose directory record and local header agree. Its name is not judged yet. */
export interface ArchiveEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly crc32: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly dataStart: number;
  /** Who packed it, as in "version made by": 3 is Unix. */
  readonly host: number;
  /** The Unix mode, 0 where the ZIP has none. */
  readonly mode: number;
}

/** All entries in the order of the ZIP's list, or a `ServiceError` for a ZIP that is broken or lies about itself. */
export async function readEntries(file: ArchiveFile, limits: ArchiveLimits): Promise<readonly ArchiveEntry[]> {
  const zip = await openDirectory(file);
  // With `decodeStrings: false` the comment is bytes, whatever the types say.
  const end = await readEndRecord(file, zip.comment.length);
  refuseLongDirectory(end, limits);
  const records = await readDirectory(zip, end);
  const entries: ArchiveEntry[] = [];
  const ranges: DataRange[] = [];
  const pace = new Pace();
  for (const record of records) {
    const name = decodeName(record);
    refuseUnpackable(record, name);
    const range = await locateData(zip, record, name);
    ranges.push(range);
    entries.push({
      name,
      isDeflated: record.compressionMethod === DEFLATED,
      crc32: record.crc32,
      packedBytes: record.compressedSize,
      sizeBytes: record.uncompressedSize,
      dataStart: range.dataStart,
      host: record.versionMadeBy >> 8,
      mode: record.externalFileAttributes >>> 16,
    });
    await pace.step();
  }
  refuseOverlaps(ranges, end.directoryStart);
  return entries;
}

async function openDirectory(file: ArchiveFile): Promise<ZipFile> {
  try {
    return await fromRandomAccessReaderPromise(file, file.sizeBytes, {
      autoClose: false,
      // Names stay bytes here: yauzl would turn backslashes into slashes and refuse names without telling the rule.
      decodeStrings: false,
      // Sizes are compared here and while unpacking, where the entry can be named.
      validateEntrySizes: false,
    });
  } catch (error) {
    passSystemError(error);
    const format = detectFormat(await file.view(0, Math.min(file.sizeBytes, FORMAT_HEAD_BYTES)));
    throw format === "zip" ? sayBrokenEnd(error) : archiveUnreadable(sayNotZip(format), PACK_WITH_ZIP);
  }
}

/** yauzl's errors have no codes; its sentences do not change within the version that is pinned. */
function sayBrokenEnd(error: unknown): Error {
  const message = String(error);
  if (message.includes("signature not found")) return archiveUnreadable(sayNotZip("zip"), "Send or copy it again.");
  if (message.includes("multi-disk")) return splitArchive();
  if (message.includes("comment length")) return archiveUnreadable("bytes follow its end, or its comment is damaged");
  return archiveUnreadable("its end record is damaged");
}

function refuseLongDirectory(end: EndRecord, limits: ArchiveLimits): void {
  if (end.entries > limits.entries) throw tooManyEntries(limits.entries);
  if (end.directoryBytes > MAX_DIRECTORY_BYTES) {
    throw archiveTooLarge(
      `its list of files alone has ${formatBytes(end.directoryBytes)}, and the limit is ${formatBytes(MAX_DIRECTORY_BYTES)}`,
      "Pack fewer files, with shorter names and comments.",
    );
  }
}

async function readDirectory(zip: ZipFile, end: EndRecord): Promise<readonly Entry[]> {
  const records: Entry[] = [];
  const pace = new Pace();
  let bytes = 0;
  try {
    for await (const record of zip.eachEntry()) {
      bytes += DIRECTORY_RECORD_BYTES + record.fileNameLength + record.extraFieldLength + record.fileCommentLength;
      if (bytes > end.directoryBytes) break;
      records.push(record);
      await pace.step();
    }
  } catch (error) {
    passSystemError(error);
    const ordinal = records.length + 1;
    if (String(error).includes("encryption")) throw encrypted(`its entry number ${ordinal}`);
    throw archiveUnreadable(`its list of files is damaged at entry number ${ordinal} of ${end.entries}`);
  }
  if (bytes !== end.directoryBytes)
    throw archiveUnreadable("its list of files is longer or shorter than its end record says");
  return records;
}

function refuseUnpackable(record: Entry, name: string): void {
  const method = record.compressionMethod;
  if ((record.generalPurposeBitFlag & ENCRYPTION_FLAGS) !== 0 || method === AES) throw encrypted(`'${showName(name)}'`);
  if (method !== STORED && method !== DEFLATED) throw unknownMethod(name, method);
  if (method === STORED && record.compressedSize !== record.uncompressedSize) {
    throw archiveUnsafe(
      `'${showName(name)}' is stored as it is and yet has two different sizes`,
      "Pack the files again with zip.",
    );
  }
}

function unknownMethod(name: string, method: number): Error {
  const known = METHOD_NAMES[method];
  return archiveUnreadable(
    `'${showName(name)}' is packed with ${known === undefined ? `method ${method}` : `${known} (method ${method})`}`,
    "Only Deflate and Store can be read, which every ZIP program writes by default; pack the files again with zip.",
  );
}

function encrypted(shown: string): Error {
  return archiveUnreadable(`${shown} is encrypted`, "Pack the files without a password.");
}
