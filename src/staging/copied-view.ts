import { constants } from "node:fs";
import { open as openToRead, readdir } from "node:fs/promises";
import { join } from "node:path";
import { copyFile, mkdir, open, rm, writeFile } from "../base/world-files.ts";
import { forEachConcurrently } from "../datastores/concurrently.ts";
import { readPieces } from "../datastores/content.ts";
import type { DataView } from "./data-view.ts";

/** Calls under way at once: enough to keep all threads for files busy. */
const CONCURRENCY = 8;

/** Larger files are copied piece by piece, so that an abort is felt. */
const COPY_AT_ONCE_BYTES = 64 * 1024 * 1024;

type CopyFile = (from: string, to: string, signal: AbortSignal) => Promise<void>;

/** Files of their own that share their bytes on the disk until somebody writes: XFS, Btrfs and others can. */
export function cloneView(): DataView {
  return copiedView("clones", async (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE_FORCE));
}

/** Files of their own. Protects everywhere and costs the disk once for each run. */
export function copyView(): DataView {
  return copiedView("a copy", copyWhole);
}

function copiedView(name: string, copy: CopyFile): DataView {
  return {
    name,
    leansOnTree: false,
    show: async (files, { data }, signal) => copyTree(files, data, copy, signal),
    isShown: async () => true,
    showAgain: async () => undefined,
  };
}

async function copyTree(from: string, to: string, copy: CopyFile, signal: AbortSignal): Promise<void> {
  const filesBelow = async function* (folder: string): AsyncGenerator<string> {
    await mkdir(join(to, folder), { recursive: true });
    for (const found of await readdir(join(from, folder), { withFileTypes: true })) {
      const path = join(folder, found.name);
      if (found.isDirectory()) yield* filesBelow(path);
      else yield path;
    }
  };
  const copyOne = async (path: string, aborted: AbortSignal): Promise<void> =>
    copy(join(from, path), join(to, path), aborted);
  await forEachConcurrently(() => filesBelow(""), CONCURRENCY, copyOne, signal);
}

async function copyWhole(from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await using source = await openToRead(from);
  const { size } = await source.stat();
  if (size <= COPY_AT_ONCE_BYTES) return copyFile(from, to, constants.COPYFILE_EXCL);
  await using target = await open(to, "wx");
  for await (const piece of readPieces(source, 0, size, signal)) await target.writeFile(piece);
}

/** Why files cannot be cloned here; null when one was. */
export async function whyNoClones(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "a"), "one");
    await copyFile(join(folder, "a"), join(folder, "b"), constants.COPYFILE_FICLONE_FORCE);
    return null;
  } catch (error) {
    return `The file system of the home cannot clone files (${(error as NodeJS.ErrnoException).code}).`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
