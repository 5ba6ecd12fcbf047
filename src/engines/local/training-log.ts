import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { open } from "../../base/world-files.ts";

export const TRAINING_LOG = "training-log.txt";

/**
 * Ends the log with the lines that programs of 2017 look for. Written by the service, once nothing of the learner is left that could
 * write after them, and on a line of their own: a newline goes first where the program's last line has none. Calling it
 * again changes nothing, so it may be repeated after a crash, also one that left their beginning only. A log that takes no
 * more bytes stays without them: how the program ended does not depend on it.
 *
 * A program that opens `/dev/stdout` or `/dev/stderr` anew without appending (`echo x > /dev/stderr` in bash) empties the log, since
 * it then opens this file. Whoever sends output to a file has that; only a pipe, with a process to read it, would not.
 *
 * The log is therefore: banner, every byte of the program, perhaps one newline, these lines.
 */
export async function closeTrainingLog(directory: string, exitCode: number, endedAt: Date): Promise<void> {
  try {
    await using log = await open(join(directory, TRAINING_LOG), "a+");
    await appendClosingLines(log, Buffer.from(closingLines(exitCode)), endedAt);
  } catch (error) {
    if (!isRefusedWrite(error)) throw error;
  }
}

async function appendClosingLines(log: FileHandle, closing: Buffer, endedAt: Date): Promise<void> {
  const { size, mtimeMs } = await log.stat();
  const tail = Buffer.alloc(Math.min(size, closing.length));
  await log.read(tail, 0, tail.length, size - tail.length);
  if (tail.equals(closing)) return;
  // What was written after the program's end is ours; the program may itself have ended with the same letters.
  const done = Math.floor(mtimeMs) > endedAt.getTime() ? begunBytes(tail, closing) : 0;
  const onNewLine = tail.length === done || tail.at(-1 - done) === NEWLINE;
  await log.appendFile(onNewLine ? closing.subarray(done) : Buffer.concat([Buffer.of(NEWLINE), closing]));
}

/** How many bytes of the closing lines, on a line of their own, the log ends with. */
function begunBytes(tail: Buffer, closing: Buffer): number {
  for (let bytes = tail.length - 1; bytes > 0; bytes -= 1) {
    const isBeginning = tail.subarray(-bytes).equals(closing.subarray(0, bytes));
    if (isBeginning && tail.at(-1 - bytes) === NEWLINE) return bytes;
  }
  return 0;
}

function isRefusedWrite(error: unknown): boolean {
  const refusals: readonly unknown[] = ["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EACCES"];
  return error instanceof Error && "code" in error && refusals.includes(error.code);
}

export function closingLines(exitCode: number): string {
  const end = `Training process finished. Exit code: ${exitCode}\n`;
  return exitCode === 0 ? end : `${end}Job exited with error code ${exitCode}\n`;
}

const NEWLINE = 0x0a;
