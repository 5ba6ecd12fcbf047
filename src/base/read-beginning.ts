import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/**
 * At most the first `maxBytes` of a file in a folder that a program can write to; nothing of what is no file: neither a
 * link is followed nor a pipe waited for, and no device is read without end. Throws as `openSync` does where there is
 * nothing. Synchronous, for records of a line that are asked for again and again.
 */
export function readBeginning(path: string, maxBytes: number): Buffer {
  const file = openUnlessLink(path);
  if (file === null) return Buffer.alloc(0);
  try {
    if (!fstatSync(file).isFile()) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(maxBytes);
    return bytes.subarray(0, readSync(file, bytes, 0, maxBytes, 0));
  } finally {
    closeSync(file);
  }
}

function openUnlessLink(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return null;
    throw error;
  }
}
