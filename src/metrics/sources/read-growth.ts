import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** What is in a file behind an offset. */
export interface Growth {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The whole file is behind `offset + bytes.length`, as far as it goes now. */
  readonly isAll: boolean;
  /** The file is shorter than the offset: the program has begun it anew. */
  readonly isShorter: boolean;
}

/**
 * At most `maxBytes` of a file that a program we do not trust writes: never through a link, never from a pipe or a
 * device. Null while there is no such file.
 */
export async function readGrowth(path: string, offset: number, maxBytes: number): Promise<Growth | null> {
  // O_NONBLOCK: opening a pipe that somebody put there must not wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EACCES"].includes(error.code ?? "")) return null;
    throw error;
  });
  if (file === null) return null;
  await using handle = file;
  const stats = await handle.stat();
  if (!stats.isFile()) return null;
  const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, stats.size - offset)));
  const { bytesRead } = bytes.length === 0 ? { bytesRead: 0 } : await handle.read(bytes, 0, bytes.length, offset);
  return {
    bytes: bytes.slice(0, bytesRead),
    isAll: offset + bytesRead >= stats.size,
    isShorter: stats.size < offset,
  };
}
