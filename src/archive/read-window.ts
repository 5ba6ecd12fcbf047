import type { FileHandle } from "node:fs/promises";

/**
 * Reads ranges of a file through one buffer, so that neighbouring small ranges (directory records, local headers,
 * the data of small files) cost one system call together. Not for calls at the same time.
 */
export class ReadWindow {
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  readonly #buffer: Buffer;
  #start = 0;
  #end = 0;

  constructor(handle: FileHandle, sizeBytes: number, capacity: number) {
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** Exactly `length` bytes from `position`; the view is good until the next call. */
  async view(position: number, length: number): Promise<Buffer> {
    if (position >= this.#start && position + length <= this.#end) return this.#slice(position, length);
    // Positions come out of the ZIP itself and may be anything up to 2^64.
    if (!Number.isSafeInteger(position) || position + length > this.#sizeBytes) {
      throw new RangeError("it points behind its own end");
    }
    if (length > this.#buffer.length) return await this.#read(Buffer.allocUnsafe(length), position);
    this.#end = this.#start;
    const wanted = Math.min(this.#buffer.length, this.#sizeBytes - position);
    await this.#read(this.#buffer.subarray(0, wanted), position);
    this.#start = position;
    this.#end = position + wanted;
    return this.#slice(position, length);
  }

  #slice(position: number, length: number): Buffer {
    return this.#buffer.subarray(position - this.#start, position - this.#start + length);
  }

  async #read(target: Buffer, position: number): Promise<Buffer> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.#handle.read(target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) throw new RangeError("it became shorter while it was read");
      filled += bytesRead;
    }
    return target;
  }
}
