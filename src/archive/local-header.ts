import type { Entry, LocalFileHeader, ZipFile } from "yauzl";
import { parseExtraFields } from "yauzl";
import { archiveUnreadable, archiveUnsafe } from "../domain/archive-errors.ts";
import { passSystemError } from "./archive-file.ts";
import { showName } from "./entry-name.ts";

const SIZES_FOLLOW_DATA = 0x0008;
const ENCRYPTED = 0x0001;
const ZIP64_FIELD = 0x0001;
const UINT32_MAX = 0xffffffff;

/** The bytes of the ZIP that belong to one entry: its local header and its data. */
export interface DataRange {
  readonly name: string;
  readonly start: number;
  readonly dataStart: number;
  readonly end: number;
}

/**
 * Finds an entry's data and refuses an entry whose two descriptions differ: programs that unpack while they read
 * believe the local header, this one believes the directory, and what was looked at must be what is run.
 */
export async function locateData(zip: ZipFile, record: Entry, name: string): Promise<DataRange> {
  const header = await zip.readLocalFileHeaderPromise(record).catch((error: unknown) => {
    passSystemError(error);
    throw archiveUnreadable(`the data of '${showName(name)}' is not where its list of files says`);
  });
  const difference = differenceBetween(record, header);
  if (difference !== undefined) {
    const fact = `one ${difference} in the list of files and another before its data`;
    throw archiveUnsafe(`'${showName(name)}' has ${fact}`, REPACK);
  }
  return {
    name,
    start: record.relativeOffsetOfLocalHeader,
    dataStart: header.fileDataStart,
    end: header.fileDataStart + record.compressedSize,
  };
}

/** No two entries may share bytes: that is how a small ZIP unpacks to petabytes. */
export function refuseOverlaps(ranges: readonly DataRange[], directoryStart: number): void {
  let previous: DataRange | undefined;
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    if (previous !== undefined && range.start < previous.end) {
      throw archiveUnsafe(`'${showName(previous.name)}' and '${showName(range.name)}' share the same bytes`, REPACK);
    }
    previous = range;
  }
  if (previous !== undefined && previous.end > directoryStart) {
    throw archiveUnsafe(`the data of '${showName(previous.name)}' runs into the list of files`, REPACK);
  }
}

const REPACK = "Pack the files again with zip.";

function differenceBetween(record: Entry, header: LocalFileHeader): string | undefined {
  if (!header.fileName.equals(record.fileNameRaw)) return "name";
  if (header.compressionMethod !== record.compressionMethod) return "compression method";
  if (((header.generalPurposeBitFlag ^ record.generalPurposeBitFlag) & ENCRYPTED) !== 0) return "encryption mark";
  // Written by a program that could not seek back: the header has zeros, and the facts follow the data.
  if ((header.generalPurposeBitFlag & SIZES_FOLLOW_DATA) !== 0) return undefined;
  const sizes = localSizes(header);
  if (sizes.sizeBytes !== record.uncompressedSize || sizes.packedBytes !== record.compressedSize) return "size";
  return header.crc32 === record.crc32 ? undefined : "checksum";
}

function localSizes(header: LocalFileHeader): { sizeBytes: number; packedBytes: number } {
  const sizes = { sizeBytes: header.uncompressedSize, packedBytes: header.compressedSize };
  if (sizes.sizeBytes !== UINT32_MAX && sizes.packedBytes !== UINT32_MAX) return sizes;
  const zip64 = readZip64Field(header.extraField);
  if (zip64 === undefined) return sizes;
  let position = 0;
  const next = (): number => {
    const value = zip64.length >= position + 8 ? Number(zip64.readBigUInt64LE(position)) : Number.NaN;
    position += 8;
    return value;
  };
  if (sizes.sizeBytes === UINT32_MAX) sizes.sizeBytes = next();
  if (sizes.packedBytes === UINT32_MAX) sizes.packedBytes = next();
  return sizes;
}

function readZip64Field(extraField: Buffer): Buffer | undefined {
  try {
    return parseExtraFields(extraField).find((field) => field.id === ZIP64_FIELD)?.data;
  } catch {
    // A damaged extra field holds no sizes; the comparison that follows refuses the entry.
    return undefined;
  }
}
