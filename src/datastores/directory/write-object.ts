import { createHash } from "node:crypto";
import { type FileHandle, lstat, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { mkdir, open, rename, rm } from "../../base/world-files.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import { readContent, readPieces, sizeOf } from "../content.ts";
import type { Content } from "../datastore.ts";
import { codeOf } from "../file-trouble.ts";
import { RemoteError } from "../remote-error.ts";
import { partName } from "./unfinished-parts.ts";

/**
 * Makes `path` in the bucket hold the content, durably and at once: written under a hidden name, synced, read back and
 * compared, renamed, and the folders synced. Whoever dies on the way leaves at most a hidden file.
 */
export async function writeObject(bucket: string, path: string, content: Content, signal: AbortSignal): Promise<void> {
  const changed = await makeFolders(bucket, path);
  // In the bucket itself rather than beside the object: a long name stays within what a file system takes.
  const part = join(bucket, partName(path));
  try {
    await writePart(part, content, signal);
    signal.throwIfAborted();
    await rename(part, join(bucket, path));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  // All before it is told, in whatever order the disk likes best.
  await Promise.all(changed.map(syncFolder));
}

/**
 * The folders on the way to `path`, each a real folder of the bucket: made step by step, because making them at one go
 * would follow a link out of the bucket. Gives the folders that hold a new name afterwards, the outermost first.
 */
async function makeFolders(bucket: string, path: string): Promise<string[]> {
  const folder = dirname(join(bucket, path));
  if (await isPlainFolder(folder)) return [folder];
  const changed: string[] = [];
  let current = bucket;
  for (const name of path.split("/").slice(0, -1)) {
    const parent = current;
    current = join(parent, name);
    const made = await mkdir(current).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === "EEXIST") return false;
        throw error;
      },
    );
    if (made) changed.push(parent);
    else await requireFolder(current, path);
  }
  return [...changed, folder];
}

/** Whether the path is a folder and no part of it a link. */
export async function isPlainFolder(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined); // Absent is no folder.
  return real === path && (await lstat(path)).isDirectory();
}

async function requireFolder(folder: string, path: string): Promise<void> {
  const facts = await lstat(folder);
  if (facts.isDirectory()) return;
  const fact = facts.isSymbolicLink() ? "a symbolic link, which is not followed," : "a file";
  throw new RemoteError(
    "invalid",
    `The key '${path}' needs the folder '${basename(folder)}', and ${fact} is in its place.`,
    {
      retryable: false,
    },
  );
}

async function writePart(part: string, content: Content, signal: AbortSignal): Promise<void> {
  const hash = createHash("md5");
  await using file = await open(part, "wx+", 0o644);
  for await (const piece of readContent(content, signal)) {
    hash.update(piece);
    await writeAll(file, piece);
  }
  await file.sync();
  const readBack = createHash("md5");
  for await (const piece of readPieces(file, 0, sizeOf(content), signal)) readBack.update(piece);
  if (!readBack.digest().equals(hash.digest())) {
    throw new RemoteError("corrupted", `What was written for '${part}' reads back differently.`, { retryable: true });
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}
