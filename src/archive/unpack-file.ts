import { closeSync, constants } from "node:fs";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { fchmodSync, open, openSync, writeFileSync } from "../base/world-files.ts";
import { archiveUnreadable, archiveUnsafe } from "../domain/archive-errors.ts";
import type { ArchiveFile } from "./archive-file.ts";
import type { PlannedFile } from "./archive-plan.ts";
import { showName } from "./entry-name.ts";

/** Files up to this size, packed and unpacked, are handled in memory in one go. */
const SMALL_BYTES = 262_144;
const PIECE_BYTES = 262_144;
/** A file that is there already, or a link, is never opened: the target was empty and is ours. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PLAIN_MODE = 0o644;
const EXECUTABLE_MODE = 0o755;

export function isSmall(file: PlannedFile): boolean {
  return file.entry.sizeBytes <= SMALL_BYTES && file.entry.packedBytes <= SMALL_BYTES;
}

/**
 * Writes a small file and says whether it is executable. The file calls are synchronous: for a few kilobytes they
 * take less time than handing each to the thread pool and waiting for its answer.
 */
export async function unpackSmall(archive: ArchiveFile, file: PlannedFile, target: string): Promise<boolean> {
  const { entry } = file;
  const packed = await archive.view(entry.dataStart, entry.packedBytes);
  const content = entry.isDeflated ? inflateSmall(packed, file) : packed;
  checkContent(file, content.length, crc32(content));
  const isExecutable = file.isExecutable ?? startsAsScript(content);
  const mode = isExecutable ? EXECUTABLE_MODE : PLAIN_MODE;
  const descriptor = openSync(target, NEW_FILE, mode);
  try {
    writeFileSync(descriptor, content);
    fchmodSync(descriptor, mode);
  } finally {
    closeSync(descriptor);
  }
  return isExecutable;
}

function inflateSmall(packed: Buffer, file: PlannedFile): Buffer {
  const { sizeBytes } = file.entry;
  try {
    // One byte more than declared is enough to see that a file is longer than it says.
    return inflateRawSync(packed, { maxOutputLength: sizeBytes + 1, chunkSize: Math.max(sizeBytes + 1, 64) });
  } catch (error) {
    throw unpackFault(file, error);
  }
}

/** Writes a file of any size, a piece at a time, and says whether it is executable. */
export async function unpackLarge(
  archive: ArchiveFile,
  file: PlannedFile,
  target: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { entry } = file;
  await using output = await open(target, NEW_FILE, PLAIN_MODE);
  let isExecutable = file.isExecutable;
  let sizeBytes = 0;
  let checksum = 0;
  const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      isExecutable ??= startsAsScript(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > entry.sizeBytes) throw lyingSize(file);
      checksum = crc32(chunk, checksum);
      await output.appendFile(chunk);
    }
  };
  const packed = archive.stream(entry.dataStart, entry.packedBytes);
  const options = signal === undefined ? {} : { signal };
  try {
    if (entry.isDeflated) await pipeline(packed, createInflateRaw({ chunkSize: PIECE_BYTES }), write, options);
    else await pipeline(packed, write, options);
  } catch (error) {
    throw unpackFault(file, error);
  }
  checkContent(file, sizeBytes, checksum);
  await output.chmod(isExecutable === true ? EXECUTABLE_MODE : PLAIN_MODE);
  return isExecutable === true;
}

function startsAsScript(content: Buffer): boolean {
  return content[0] === 0x23 && content[1] === 0x21;
}

function checkContent(file: PlannedFile, sizeBytes: number, checksum: number): void {
  if (sizeBytes !== file.entry.sizeBytes) throw lyingSize(file);
  if (checksum !== file.entry.crc32) {
    throw archiveUnreadable(`the content of ${shownEntry(file)} does not match its checksum`, SEND_AGAIN);
  }
}

const SEND_AGAIN = "The ZIP was damaged after it was packed; pack or send it again.";

/** zlib's errors in our words; anything else (a full disk, an abort) is passed on as it is. */
function unpackFault(file: PlannedFile, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_BUFFER_TOO_LARGE") return lyingSize(file);
  if (typeof code === "string" && code.startsWith("Z_")) {
    return archiveUnreadable(`the packed content of ${shownEntry(file)} is damaged`, SEND_AGAIN);
  }
  return error;
}

function lyingSize(file: PlannedFile): Error {
  return archiveUnsafe(
    `${shownEntry(file)} is not the ${file.entry.sizeBytes} bytes long that it is said to be`,
    "Pack the files again with zip.",
  );
}

function shownEntry(file: PlannedFile): string {
  return `'${showName(file.entry.name)}'`;
}
