import type { FileHandle } from "node:fs/promises";

/** What is worth a system call. */
const BATCH_BYTES = 256 * 1024;

/** With so much unwritten the sender is asked to wait: what one request may hold in memory. */
const MOST_PENDING_BYTES = 1024 * 1024;

/**
 * Writes what comes in order from one place of a file on, several pieces with a call, while more is coming. Several
 * writers may be at work in different places of one file.
 */
export class OrderedWriter {
  readonly #file: FileHandle;
  readonly #onWritten: (end: number) => void;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;
  /** Where the next write goes. */
  #at: number;
  #writing: Promise<void> | undefined;
  #failed: { readonly error: unknown } | undefined;

  /** `onWritten` is told where each write ended. */
  constructor(file: FileHandle, start: number, onWritten: (end: number) => void) {
    this.#file = file;
    this.#at = start;
    this.#onWritten = onWritten;
  }

  /** A promise asks for patience; it and the next call fail when a write has failed. */
  take(piece: Buffer): Promise<void> | undefined {
    if (this.#failed !== undefined) throw this.#failed.error;
    this.#pieces.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes >= BATCH_BYTES) this.#writing ??= this.#write();
    return this.#pendingBytes < MOST_PENDING_BYTES ? undefined : this.#settle();
  }

  /** Resolves when everything that was taken is in the file. */
  async finish(): Promise<void> {
    while (this.#pieces.length > 0 || this.#writing !== undefined) {
      this.#writing ??= this.#write();
      await this.#settle();
    }
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  async #settle(): Promise<void> {
    await this.#writing;
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  async #write(): Promise<void> {
    try {
      while (this.#pieces.length > 0) {
        const pieces = this.#pieces;
        this.#pieces = [];
        await this.#writeAll(pieces);
        if (this.#pendingBytes < BATCH_BYTES) break;
      }
    } catch (error) {
      this.#failed = { error };
      this.#pieces = [];
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeAll(pieces: readonly Buffer[]): Promise<void> {
    let left = pieces;
    while (left.length > 0) {
      const { bytesWritten } = await this.#file.writev(left, this.#at);
      this.#at += bytesWritten;
      this.#pendingBytes -= bytesWritten;
      this.#onWritten(this.#at);
      left = without(left, bytesWritten);
    }
  }
}

/** The pieces without their first `bytes`. */
function without(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let toSkip = bytes;
  return pieces.flatMap((piece) => {
    const skipped = Math.min(toSkip, piece.length);
    toSkip -= skipped;
    return skipped === piece.length ? [] : [piece.subarray(skipped)];
  });
}
