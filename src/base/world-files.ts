import * as sync from "node:fs";
import * as files from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { announce, type StepKind, type Torn } from "./world.ts";

/**
 * The calls of `node:fs` and `node:fs/promises` that change something, under their own names and types, each asking
 * the gate first (world.ts). Reading is no step and stays with Node's modules.
 */

type Plain = (...args: readonly unknown[]) => unknown;

/** Paths are strings in this product; descriptors and URLs are named as they print. */
function through<F extends (...args: never[]) => unknown>(kind: StepKind, call: F, named: 0 | 1 = 0): F {
  const plain = call as unknown as Plain;
  const stepped: Plain = (...args) => {
    const torn = announce(kind, String(args[named]));
    if (torn === undefined) return plain(...args);
    // With two paths the second argument is no content.
    return named === 1 ? torn.afterwards() : tear(plain, torn, args);
  };
  return stepped as unknown as F;
}

/** As `through`, for calls whose failure is a rejection. */
function throughLater<F extends (...args: never[]) => Promise<unknown>>(kind: StepKind, call: F, named: 0 | 1 = 0): F {
  const stepped = through(kind, call, named) as unknown as Plain;
  return (async (...args: readonly unknown[]) => stepped(...args)) as unknown as F;
}

/** Writes only the beginning of the content, the second argument, where the call has one. */
function tear(call: Plain, torn: Torn, args: readonly unknown[]): unknown {
  const [target, content, ...options] = args;
  const isContent = typeof content === "string" || content instanceof Uint8Array;
  if (!isContent) return torn.afterwards();
  const written = call(target, Buffer.from(content as string).subarray(0, torn.bytes), ...options);
  return written instanceof Promise ? written.then(() => torn.afterwards()) : torn.afterwards();
}

export const appendFile = throughLater("write", files.appendFile);
export const chmod = throughLater("change", files.chmod);
export const copyFile = throughLater("write", files.copyFile, 1);
export const link = throughLater("link", files.link, 1);
export const mkdir = throughLater("make", files.mkdir);
export const mkdtemp = throughLater("make", files.mkdtemp);
export const rename = throughLater("rename", files.rename, 1);
export const rm = throughLater("remove", files.rm);
export const rmdir = throughLater("remove", files.rmdir);
export const symlink = throughLater("link", files.symlink, 1);
export const truncate = throughLater("change", files.truncate);
export const unlink = throughLater("remove", files.unlink);
export const utimes = throughLater("change", files.utimes);
export const writeFile = throughLater("write", files.writeFile);

export const chmodSync = through("change", sync.chmodSync);
export const fchmodSync = through("change", sync.fchmodSync);
export const linkSync = through("link", sync.linkSync, 1);
export const mkdirSync = through("make", sync.mkdirSync);
export const renameSync = through("rename", sync.renameSync, 1);
export const unlinkSync = through("remove", sync.unlinkSync);
export const utimesSync = through("change", sync.utimesSync);
export const writeFileSync = through("write", sync.writeFileSync);

export function openSync(path: string, flags: string | number, mode?: sync.Mode): number {
  if (isWriting(flags)) announce("make", path);
  return sync.openSync(path, flags, mode);
}

/** A handle that was opened for writing announces its writes and syncs too. */
export async function open(path: string, flags: string | number = "r", mode?: sync.Mode): Promise<FileHandle> {
  if (!isWriting(flags)) return files.open(path, flags, mode);
  announce("make", path);
  // Whether there is a gate is asked at each step: it may have come after the handle.
  return stepping(await files.open(path, flags, mode), path);
}

function isWriting(flags: string | number): boolean {
  if (typeof flags === "string") return flags !== "r" && flags !== "rs" && flags !== "sr";
  return (flags & (sync.constants.O_WRONLY | sync.constants.O_RDWR | sync.constants.O_CREAT)) !== 0;
}

const HANDLE_STEPS = {
  write: "write",
  writev: "write",
  writeFile: "write",
  appendFile: "write",
  sync: "sync",
  datasync: "sync",
  truncate: "change",
} as const satisfies Partial<Record<keyof FileHandle, StepKind>>;

function stepping(handle: FileHandle, path: string): FileHandle {
  for (const [name, kind] of Object.entries(HANDLE_STEPS)) {
    const method = name as keyof typeof HANDLE_STEPS;
    const call = handle[method].bind(handle) as (...args: unknown[]) => Promise<unknown>;
    const stepped = async (...args: unknown[]): Promise<unknown> => {
      const torn = announce(kind, path);
      if (torn === undefined) return call(...args);
      const [content] = args;
      if (typeof content === "string" || content instanceof Uint8Array) {
        await call(Buffer.from(content as string).subarray(0, torn.bytes));
      }
      return torn.afterwards();
    };
    Object.defineProperty(handle, method, { value: stepped });
  }
  return handle;
}
