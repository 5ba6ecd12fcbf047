import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readBeginning } from "../base/read-beginning.ts";
import { open, rename, rm } from "../base/world-files.ts";

/**
 * The middle of a log that grew beyond its limit and was dropped. The bytes behind it keep their offsets: the file has a
 * hole there, or, once the run has ended, is shorter by it (`finish-log.ts`). The record lies beside the log and moves with it.
 */
export interface DroppedPart {
  /** The first byte that is gone. */
  readonly from: number;
  /** The first byte that is there again; grows while the program floods its log. */
  readonly to: number;
  /** The log's size, in offsets, when its file was about to be shortened; null for one with a hole. */
  readonly compactedAt: number | null;
}

const RECORD = ".training-log.dropped";
const MAX_RECORD_BYTES = 1024;

function recordOf(logPath: string): string {
  return join(dirname(logPath), RECORD);
}

/** Read before and after each part of the log, so without a promise: there is hardly ever a record. */
export function readDropped(logPath: string): DroppedPart | null {
  const path = recordOf(logPath);
  if (!existsSync(path)) return null;
  try {
    const { from, to, compactedAt } = JSON.parse(readBeginning(path, MAX_RECORD_BYTES).toString("utf8")) as DroppedPart;
    const isSound = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to;
    return isSound ? { from, to, compactedAt: compactedAt ?? null } : null;
  } catch {
    // The program can write here. What it spoils is its own log.
    return null;
  }
}

/** On disk when it resolves: bytes are dropped only after it is said that they are. */
export async function writeDropped(logPath: string, part: DroppedPart): Promise<void> {
  const path = recordOf(logPath);
  const draft = `${path}.draft`;
  // A new file in any case: what a crash left, or the program put there, is not written into.
  await rm(draft, { force: true });
  {
    await using file = await open(draft, "wx");
    await file.writeFile(JSON.stringify(part));
    await file.sync();
  }
  await rename(draft, path);
}

export async function removeDropped(logPath: string): Promise<void> {
  await rm(recordOf(logPath), { force: true });
}

/** What readers get in place of the bytes, on a line of its own. */
export function droppedLine(bytes: number): Buffer {
  return Buffer.from(`\n[trainyard] ${bytes} bytes of the log were dropped here, for it grew beyond logs.max_bytes.\n`);
}
