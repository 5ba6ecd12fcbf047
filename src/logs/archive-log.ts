import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { syncFolder } from "../base/sync-folder.ts";
import { open, rename, rm } from "../base/world-files.ts";
import { openRegularFile } from "./log-file.ts";
import { encodeSeekTable } from "./archive/seek-table.ts";
import { ARCHIVE_ENDING, FRAME_BYTES, openArchive, type LogBytes } from "./archive/stored-log.ts";

const compress = promisify(zstdCompress);
const PARAMS = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

/**
 * Puts an archive in the place of a log that nobody writes any more and that has at least `minBytes`. True when there is an
 * archive now. May be repeated after it was cut off anywhere:
 *
 *   draft written and synced → read back and compared → renamed, the folder synced → log removed
 *
 * so at each moment the log, or an archive that was found to hold all of it, is there; while both are, the log counts.
 */
export async function archiveLog(path: string, minBytes: number, signal: AbortSignal): Promise<boolean> {
  const archive = `${path}${ARCHIVE_ENDING}`;
  const draft = `${archive}.draft`;
  const log = await openRegularFile(path);
  if (log === null) return existsSync(archive);
  try {
    if (log.sizeBytes < minBytes) return false;
    const written = await writeArchive(log.handle, log.sizeBytes, draft, signal);
    await refuseOther(draft, log.sizeBytes, written, signal);
    // Somebody wrote into it all the same: the next look takes it as it is then.
    if ((await log.handle.stat()).size !== log.sizeBytes) return false;
    await rename(draft, archive);
    await syncFolder(dirname(path));
  } finally {
    await log.handle.close();
    await rm(draft, { force: true });
  }
  await rm(path);
  return true;
}

/** Gives the digest of what it has read. */
async function writeArchive(log: LogBytes, sizeBytes: number, draft: string, signal: AbortSignal): Promise<string> {
  const digest = createHash("sha256");
  const frames: { compressed: number; content: number }[] = [];
  // A new file in any case: a pipe that the program left in its place would never take a byte.
  await rm(draft, { force: true });
  await using file = await open(draft, "wx", 0o600);
  for (let at = 0; at < sizeBytes;) {
    signal.throwIfAborted();
    const content = await readFrame(log, at, Math.min(FRAME_BYTES, sizeBytes - at));
    digest.update(content);
    const compressed = await compress(content, PARAMS);
    await file.appendFile(compressed);
    frames.push({ compressed: compressed.length, content: content.length });
    at += content.length;
  }
  await file.appendFile(encodeSeekTable(frames));
  await file.sync();
  return digest.digest("hex");
}

/** Rejects unless the archive gives exactly the bytes that went into it. */
async function refuseOther(draft: string, sizeBytes: number, written: string, signal: AbortSignal): Promise<void> {
  const archive = await openArchive(draft);
  if (archive === null) throw new Error(`The archive '${draft}' cannot be read back.`);
  try {
    const digest = createHash("sha256");
    for (let at = 0; at < archive.sizeBytes;) {
      signal.throwIfAborted();
      const content = await readFrame(archive.handle, at, Math.min(FRAME_BYTES, archive.sizeBytes - at));
      digest.update(content);
      at += content.length;
    }
    if (archive.sizeBytes !== sizeBytes || digest.digest("hex") !== written) {
      throw new Error(`The archive '${draft}' does not hold what was written into it.`);
    }
  } finally {
    await archive.handle.close();
  }
}

async function readFrame(log: LogBytes, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await log.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new Error("The log became shorter while it was archived.");
    filled += bytesRead;
  }
  return buffer;
}
