import { maskedCrc32c } from "./crc32c.ts";

/** A record may hold an image or a graph; beyond this it is taken for damage. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** Why a file cannot be read on, and from which byte of it. */
export interface Damage {
  readonly offset: number;
  readonly fact: string;
}

/**
 * Takes TFRecord files apart, portion by portion (the format: `tensorflow/core/lib/io/record_writer.h`):
 *
 *   uint64 length | uint32 masked crc of length | length bytes | uint32 masked crc of the bytes      little-endian
 *
 * An unfinished record waits for more. After a checksum that does not fit nothing says where the next record begins,
 * so reading stops there for good.
 */
export class RecordReader {
  #held: Buffer = Buffer.alloc(0);
  #offset = 0;
  #damage: Damage | null = null;

  /** Bytes of whole records given so far. */
  get offset(): number {
    return this.#offset;
  }

  get damage(): Damage | null {
    return this.#damage;
  }

  *push(bytes: Uint8Array): Generator<Buffer> {
    if (this.#damage !== null) return;
    this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    for (let record = this.#next(); record !== null; record = this.#next()) yield record;
  }

  #next(): Buffer | null {
    if (this.#damage !== null || this.#held.length < HEADER_BYTES) return null;
    const length = this.#held.readBigUInt64LE(0);
    if (maskedCrc32c(this.#held.subarray(0, 8)) !== this.#held.readUInt32LE(8)) {
      return this.#stop("the length of a record does not fit its checksum");
    }
    if (length > MAX_RECORD_BYTES) return this.#stop(`a record says that it is ${length} bytes long`);
    const end = HEADER_BYTES + Number(length);
    if (this.#held.length < end + FOOTER_BYTES) return null;
    const record = this.#held.subarray(HEADER_BYTES, end);
    if (maskedCrc32c(record) !== this.#held.readUInt32LE(end)) return this.#stop("a record does not fit its checksum");
    this.#held = this.#held.subarray(end + FOOTER_BYTES);
    this.#offset += end + FOOTER_BYTES;
    return record;
  }

  #stop(fact: string): null {
    this.#damage = { offset: this.#offset, fact };
    this.#held = Buffer.alloc(0);
    return null;
  }
}
