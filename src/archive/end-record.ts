import { archiveUnreadable } from "../domain/archive-errors.ts";
import type { ArchiveFile } from "./archive-file.ts";

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const ZIP64_END_BYTES = 56;
const LOCATOR_SIGNATURE = 0x07064b50;
const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffffffff;

/** Where a ZIP's list of files lies, and how long it says it is. */
export interface EndRecord {
  readonly directoryStart: number;
  readonly directoryBytes: number;
  readonly entries: number;
}

interface EndFields extends EndRecord {
  readonly disk: number;
  readonly directoryDisk: number;
  readonly entriesOnDisk: number;
  /** Where the record itself begins: the directory must end exactly there. */
  readonly start: number;
}

/**
 * Reads the end of the ZIP a second time, after yauzl has found it, for what yauzl does not look at: parts of a
 * split archive, a ZIP64 record that contradicts the plain one, and a directory that does not end where the record
 * begins. `commentBytes` says where the record is.
 */
export async function readEndRecord(file: ArchiveFile, commentBytes: number): Promise<EndRecord> {
  const start = file.sizeBytes - commentBytes - END_BYTES;
  const plain = plainFields(await file.view(start, END_BYTES), start);
  const zip64 = await readZip64(file, start);
  const record = zip64 ?? plain;
  if (zip64 !== undefined) refuseContradiction(plain, zip64);
  if (record.disk !== 0 || record.directoryDisk !== 0 || record.entriesOnDisk !== record.entries) {
    throw splitArchive();
  }
  if (record.directoryStart + record.directoryBytes !== record.start) {
    throw archiveUnreadable("its list of files is not where its end record says; bytes were added or are missing");
  }
  return record;
}

export function splitArchive(): Error {
  return archiveUnreadable("it is one part of a split ZIP", "Join the parts first: zip -s 0 split.zip --out model.zip");
}

function plainFields(bytes: Buffer, start: number): EndFields {
  return {
    start,
    disk: bytes.readUInt16LE(4),
    directoryDisk: bytes.readUInt16LE(6),
    entriesOnDisk: bytes.readUInt16LE(8),
    entries: bytes.readUInt16LE(10),
    directoryBytes: bytes.readUInt32LE(12),
    directoryStart: bytes.readUInt32LE(16),
  };
}

async function readZip64(file: ArchiveFile, endStart: number): Promise<EndFields | undefined> {
  if (endStart < LOCATOR_BYTES) return undefined;
  const locator = await file.view(endStart - LOCATOR_BYTES, LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR_SIGNATURE) return undefined;
  const start = Number(locator.readBigUInt64LE(8));
  // yauzl has read the same record there and checked its signature.
  const bytes = await file.view(start, ZIP64_END_BYTES);
  return {
    start,
    disk: bytes.readUInt32LE(16),
    directoryDisk: bytes.readUInt32LE(20),
    entriesOnDisk: Number(bytes.readBigUInt64LE(24)),
    entries: Number(bytes.readBigUInt64LE(32)),
    directoryBytes: Number(bytes.readBigUInt64LE(40)),
    directoryStart: Number(bytes.readBigUInt64LE(48)),
  };
}

/** A plain field either has the same value or says by its largest one that ZIP64 knows. */
function refuseContradiction(plain: EndFields, zip64: EndFields): void {
  const agrees =
    (plain.entries === zip64.entries || plain.entries === UINT16_MAX) &&
    (plain.directoryBytes === zip64.directoryBytes || plain.directoryBytes === UINT32_MAX) &&
    (plain.directoryStart === zip64.directoryStart || plain.directoryStart === UINT32_MAX);
  if (!agrees) throw archiveUnreadable("its two end records (plain and ZIP64) contradict each other");
}
