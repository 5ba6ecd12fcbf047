import type { FileHandle } from "node:fs/promises";

/** What is worth a system call. */
const BLOCK_BYTES = 1024 * 1024;

interface Block {
  readonly bytes: Buffer;
  filled: number;
}

/**
 * Writes what comes in order from one place of a file on, in large blocks, while more is coming. Several writers may be
 * at work in different places of one file.
 */
export class OrderedWriter {
  readonly #file: FileHandle;
  readonly #onWritten: (end: number) => void;
  readonly #free: Buffer[] = [];
  #filling: Block | undefined;
  #full: Block[] = [];
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

  /**
   * Keeps a copy of the piece. A promise asks for patience, because a block waits while another is written; it and the
   * next call fail when a write has failed.
   */
  take(piece: Buffer): Promise<void> | undefined {
    if (this.#failed !== undefined) throw this.#failed.error;
    for (let at = 0; at < piece.length;) {
      const block = (this.#filling ??= { bytes: this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES), filled: 0 });
      const copied = piece.copy(block.bytes, block.filled, at);
      block.filled += copied;
      at += copied;
      if (block.filled === BLOCK_BYTES) this.#passOn(block);
    }
    return this.#full.length > 0 ? this.#settle() : undefined;
  }

  /** Resolves when everything that was taken is in the file. */
  async finish(): Promise<void> {
    if (this.#filling !== undefined) this.#passOn(this.#filling);
    while (this.#writing !== undefined) await this.#writing;
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #passOn(block: Block): void {
    this.#filling = undefined;
    this.#full.push(block);
    this.#writing ??= this.#write();
  }

  async #settle(): Promise<void> {
    await this.#writing;
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  async #write(): Promise<void> {
    try {
      for (let block = this.#full.shift(); block !== undefined; block = this.#full.shift()) {
        await this.#writeAll(block);
        this.#free.push(block.bytes);
      }
    } catch (error) {
      this.#failed = { error };
      this.#full = [];
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeAll({ bytes, filled }: Block): Promise<void> {
    for (let from = 0; from < filled;) {
      const { bytesWritten } = await this.#file.write(bytes, from, filled - from, this.#at);
      from += bytesWritten;
      this.#at += bytesWritten;
      this.#onWritten(this.#at);
    }
  }
}
