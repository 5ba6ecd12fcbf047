import { constants, watch, type FSWatcher } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Readable } from "node:stream";

/**
 * A training log is a file that a program we do not trust appends to, in a folder that the program can write.
 * So it is never followed through a link, never opened when it is a pipe or a device, and never assumed to be text.
 */

/** How often to look where the file system cannot wake us. */
const POLL_MS = 1000;

/** A log as it was at one moment: bytes that arrive later are not part of it. */
export interface LogSnapshot extends AsyncDisposable {
  /** 0 also while there is no file yet. */
  readonly sizeBytes: number;
  /**
   * The bytes from `start` up to, not including, `end`, read only as fast as they are consumed. At most once; the stream
   * then owns the file and closes it at its end or when destroyed. `end` must lie within the snapshot.
   */
  stream(start: number, end: number): Readable | null;
}

export async function openLog(path: string): Promise<LogSnapshot> {
  const file = await openRegularFile(path);
  if (file === null) return { sizeBytes: 0, stream: () => null, [Symbol.asyncDispose]: async () => {} };
  const { handle, sizeBytes } = file;
  let isHandedOver = false;
  return {
    sizeBytes,
    stream: (start, end) => {
      if (start >= end) return null;
      isHandedOver = true;
      return handle.createReadStream({ start, end: Math.min(end, sizeBytes) - 1 });
    },
    [Symbol.asyncDispose]: async () => {
      if (!isHandedOver) await handle.close();
    },
  };
}

/**
 * Resolves with the file's size as soon as it is longer than `fromByte`; the file and its folder need not exist yet.
 * The kernel wakes us; only where it cannot (no folder yet, no watches left) the file is looked at once a second.
 */
export async function waitForGrowth(path: string, fromByte: number, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  // Watch before the first look, so that no change falls between the two.
  using changes = watchFile(path);
  while (true) {
    const changed = changes.next(signal);
    changed.catch(() => {}); // It may be aborted during the look; the wait below tells.
    const sizeBytes = await logSize(path);
    if (sizeBytes > fromByte) return sizeBytes;
    await changed;
  }
}

/** The last `count` lines of what was read; `isCut` says that it begins in the middle of the file. */
export function lastLines(bytes: Buffer, isCut: boolean, count: number): string[] {
  const text = (isCut ? fromWholeCharacter(bytes) : bytes).toString("utf8");
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  // The first line lost its beginning; it is kept only when it is all there is.
  if (isCut && lines.length > 1) lines.shift();
  return lines.slice(-count).map(lastState);
}

/** Without the continuation bytes of a UTF-8 character whose beginning was cut off. */
function fromWholeCharacter(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && start < bytes.length && ((bytes[start] as number) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start);
}

/** What a terminal would show of a line that carriage returns redrew. */
function lastState(line: string): string {
  return line.split("\r").findLast((state) => state !== "") ?? "";
}

/** A file to read, and its size; null where there is none, or something else stands in its place. The caller closes it. */
export async function openRegularFile(path: string): Promise<{ handle: FileHandle; sizeBytes: number } | null> {
  // O_NONBLOCK: opening a pipe that somebody put in the log's place must not wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(absent);
  if (handle === null) return null;
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, sizeBytes: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/** 0 where there is no file, or something else stands in its place. */
export async function logSize(path: string): Promise<number> {
  const stats = await lstat(path).catch(absent);
  return stats?.isFile() === true ? stats.size : 0;
}

/** ELOOP is a link, ENXIO a socket: something that is not the log stands in its place. */
const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"];

export function isAbsent({ code }: NodeJS.ErrnoException): boolean {
  return ABSENT.includes(code ?? "");
}

function absent(error: NodeJS.ErrnoException): null {
  if (isAbsent(error)) return null;
  throw error;
}

interface Changes extends Disposable {
  /** Resolves at the next change after this call; rejects when aborted. Call again only after it settled. */
  next(signal: AbortSignal): Promise<void>;
}

function watchFile(path: string): Changes {
  let wake = (): void => {};
  const watching = watchLog(path, () => wake());
  return {
    next: (signal) =>
      new Promise<void>((resolve, reject) => {
        const stop = (): void => reject(signal.reason as Error);
        wake = () => {
          signal.removeEventListener("abort", stop);
          resolve();
        };
        signal.addEventListener("abort", stop, { once: true });
      }),
    [Symbol.dispose]: () => {
      watching[Symbol.dispose]();
      wake();
    },
  };
}

/**
 * Calls back after each change of the file, which may appear later, until disposed. The kernel wakes us; only where it
 * cannot (no folder yet, no watches left) it is once a second, whether something changed or not.
 */
export function watchLog(path: string, onChange: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  // The folder, not the file, so that the file may appear later.
  let watcher = watchFolder();
  if (watcher === undefined) poll();

  function watchFolder(): FSWatcher | undefined {
    try {
      return watch(dirname(path), { persistent: false }, (_type, changed) => {
        if (changed === null || changed === basename(path)) onChange();
      }).on("error", poll);
    } catch {
      // No such folder yet, or the system's limit of watches is reached. Looking now and then still finds the bytes.
      return undefined;
    }
  }

  function poll(): void {
    timer ??= setInterval(() => {
      watcher ??= watchFolder();
      onChange();
    }, POLL_MS).unref();
  }

  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      watcher?.close();
    },
  };
}
