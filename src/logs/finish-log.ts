import { dirname, join } from "node:path";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, rename, rm } from "../base/world-files.ts";
import { readDropped, writeDropped } from "./dropped-part.ts";
import { openRegularFile } from "./log-file.ts";
import type { SecretMask } from "./secret-mask.ts";
import { isCompact, openServedLog } from "./served-log.ts";

const WINDOW_BYTES = 262_144;

/**
 * Makes the file of a log that is complete what readers were given of it: secrets masked, and in place of a hole the line
 * that says what was dropped, so that the file can be copied as it is. A new file takes the place of the old one at once,
 * or, where the disk has no room for it, the secrets are masked where they are. May be repeated; a log without secrets
 * and without a hole is only read.
 */
export async function finishLog(path: string, mask: SecretMask): Promise<void> {
  if (!(await isUnfinished(path, mask))) return;
  try {
    await replace(path, mask);
  } catch {
    // A full disk, most likely. That no secret leaves matters more than an end that is the same after every crash.
    await maskInPlace(path, mask);
  }
}

/** Writes what readers get of a log into a file of its own; the log may be growing. Gives the copy's size. */
export async function copyServed(path: string, copy: string, mask: SecretMask, isComplete: boolean): Promise<number> {
  await using log = await openServedLog({ path, mask, isComplete });
  await rm(copy, { force: true });
  await using file = await open(copy, "wx");
  let sizeBytes = 0;
  for (let at = 0; ;) {
    const piece = await log.read(at, WINDOW_BYTES);
    if (piece === null) break;
    await file.writeFile(piece.bytes);
    sizeBytes += piece.bytes.length;
    at = piece.next;
  }
  await file.sync();
  return sizeBytes;
}

async function isUnfinished(path: string, mask: SecretMask): Promise<boolean> {
  const file = await openRegularFile(path);
  if (file === null) return false;
  await using handle = file.handle;
  const dropped = readDropped(path);
  if (dropped !== null && !isCompact(dropped, file.sizeBytes) && dropped.to <= file.sizeBytes) return true;
  if (mask.isEmpty) return false;
  for await (const { bytes } of windows(handle, mask)) if (mask.apply(bytes)) return true;
  return false;
}

async function replace(path: string, mask: SecretMask): Promise<void> {
  const draft = join(dirname(path), ".training-log.draft");
  try {
    await copyServed(path, draft, mask, true);
  } catch (error) {
    // On a full disk the half of a copy is what would stay there for as long as the run does.
    await rm(draft, { force: true });
    throw error;
  }
  const dropped = readDropped(path);
  if (dropped !== null && dropped.compactedAt === null) {
    await using log = await openServedLog({ path, mask, isComplete: true });
    await writeDropped(path, { ...dropped, compactedAt: log.writtenBytes });
  }
  await rename(draft, path);
}

async function maskInPlace(path: string, mask: SecretMask): Promise<void> {
  await using file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  for await (const { bytes, start } of windows(file, mask)) {
    // The whole window: a secret that reaches into the next one must not be left there without its beginning.
    if (mask.apply(bytes)) await file.write(bytes, 0, bytes.length, start);
  }
}

/** The file in windows that overlap by as much as a secret is long. */
async function* windows(file: FileHandle, mask: SecretMask): AsyncGenerator<{ bytes: Buffer; start: number }> {
  const buffer = Buffer.allocUnsafe(WINDOW_BYTES + mask.reach);
  for (let start = 0; ; start += WINDOW_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    if (bytesRead === 0) return;
    yield { bytes: buffer.subarray(0, bytesRead), start };
    if (bytesRead < buffer.length) return;
  }
}
