/** What a ZIP is read from: an open file, or bytes in memory. */
export interface ByteSource {
  read(target: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

export function bytesAsSource(bytes: Uint8Array): ByteSource {
  return {
    read: async (target, offset, length, position) => {
      const found = bytes.subarray(position, position + length);
      target.set(found, offset);
      return { bytesRead: found.byteLength };
    },
    close: async () => undefined,
  };
}

const WINDOW_BYTES = 262_144;
const FAR_JUMP_BYTES = 4096;

/**
 * Reads ranges of a file through one buffer, so that neighbouring small ranges (directory records, local headers,
 * the data of small files) cost one system call together. Reads far ahead only while the ranges asked for are near
 * each other: headers between large files would make it read all of their data. Not for calls at the same time.
 */
export class ReadWindow {
  readonly #source: ByteSource;
  readonly #sizeBytes: number;
  readonly #buffer: Buffer;
  #start = 0;
  #end = 0;

  constructor(source: ByteSource, sizeBytes: number) {
    this.#source = source;
    this.#sizeBytes = sizeBytes;
    this.#buffer = Buffer.allocUnsafe(Math.min(sizeBytes, WINDOW_BYTES));
  }

  /** Like `view` where the bytes are at hand, else undefined. */
  peek(position: number, length: number): Buffer | undefined {
    return position >= this.#start && position + length <= this.#end ? this.#slice(position, length) : undefined;
  }

  /** Exactly `length` bytes from `position`; the view is good until the next call. */
  async view(position: number, length: number): Promise<Buffer> {
    const atHand = this.peek(position, length);
    if (atHand !== undefined) return atHand;
    // Positions come out of the ZIP itself and may be anything up to 2^64.
    if (position + length > this.#sizeBytes) throw new RangeError("it points behind its own end");
    if (length > this.#buffer.length) return await this.#read(Buffer.allocUnsafe(length), position);
    const isWhole = this.#buffer.length === this.#sizeBytes;
    const start = isWhole ? 0 : position;
    const isNear = position >= this.#start && position < this.#end + WINDOW_BYTES;
    const wanted = isWhole || isNear ? this.#buffer.length : Math.max(length, FAR_JUMP_BYTES);
    const bytes = Math.min(wanted, this.#sizeBytes - start);
    // Nothing to be seen while the buffer is being filled, should that fail.
    this.#end = this.#start;
    await this.#read(this.#buffer.subarray(0, bytes), start);
    this.#start = start;
    this.#end = start + bytes;
    return this.#slice(position, length);
  }

  #slice(position: number, length: number): Buffer {
    return this.#buffer.subarray(position - this.#start, position - this.#start + length);
  }

  async #read(target: Buffer, position: number): Promise<Buffer> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.#source.read(target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) throw new RangeError("it became shorter while it was read");
      filled += bytesRead;
    }
    return target;
  }
}
