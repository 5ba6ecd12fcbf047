import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { mkdir, open, rm } from "../../base/world-files.ts";
import {
  decodeRecord,
  decodeRows,
  encodeRecord,
  encodeRows,
  RECORD_BYTES,
  type EntryRecord,
  type IndexEntry,
} from "./index-entry.ts";

/** An index that is not what was written; it has to be made anew. */
export class IndexDamaged extends Error {}

/**
 * The entries of a log's index, in two files: `BASE.entries`, of records of one length, and `BASE.rows`, where they have more
 * to tell. Nothing is synced, for all of it can be made again from the log; each part has a checksum. One writer at a time.
 */
export class IndexFile implements AsyncDisposable {
  readonly #entries: FileHandle;
  readonly #rows: FileHandle;
  #count: number;
  #rowsBytes: number;

  private constructor(entries: FileHandle, rows: FileHandle, count: number, rowsBytes: number) {
    this.#entries = entries;
    this.#rows = rows;
    this.#count = count;
    this.#rowsBytes = rowsBytes;
  }

  /** Makes it where there is none. What a crash left unfinished at its end is cut off. */
  static async open(base: string): Promise<IndexFile> {
    // Not its parents: the folder of a run that is being removed must not come back.
    await mkdir(dirname(base)).catch(unlessThere);
    const entries = await open(`${base}.entries`, "a+");
    const rows = await open(`${base}.rows`, "a+");
    const rowsBytes = (await rows.stat()).size;
    const { size } = await entries.stat();
    const file = new IndexFile(entries, rows, Math.floor(size / RECORD_BYTES), rowsBytes);
    try {
      while (file.#count > 0 && !(await file.#isSound(file.#count - 1))) file.#count -= 1;
      if (size !== file.#count * RECORD_BYTES) await entries.truncate(file.#count * RECORD_BYTES);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    return file;
  }

  static async remove(base: string): Promise<void> {
    await rm(`${base}.entries`, { force: true });
    await rm(`${base}.rows`, { force: true });
  }

  get count(): number {
    return this.#count;
  }

  /** Without the changed rows, which few need. Rejects with `IndexDamaged`. */
  async record(number: number): Promise<EntryRecord> {
    const bytes = Buffer.alloc(RECORD_BYTES);
    await this.#entries.read(bytes, 0, RECORD_BYTES, number * RECORD_BYTES);
    const record = decodeRecord(bytes);
    if (record === null) throw new IndexDamaged(`Entry ${number} of the index is damaged.`);
    return record;
  }

  async entry(number: number): Promise<IndexEntry> {
    const record = await this.record(number);
    const { rowsAt, rowsBytes, rowsCheck } = record;
    const bytes = Buffer.alloc(rowsBytes);
    const { bytesRead } = await this.#rows.read(bytes, 0, rowsBytes, rowsAt);
    if (bytesRead < rowsBytes || crc32(bytes) !== rowsCheck)
      throw new IndexDamaged(`Rows of entry ${number} are damaged.`);
    return { ...record, ...decodeRows(bytes) };
  }

  /** The number of the first entry for which it holds, given that it holds for all after it; `count` when for none. */
  async first(holds: (record: EntryRecord) => boolean): Promise<number> {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (holds(await this.record(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async append(entry: IndexEntry): Promise<void> {
    const rows = encodeRows(entry);
    // First what is referred to: a crash in between leaves bytes that nobody asks for.
    if (rows.length > 0) await this.#rows.appendFile(rows);
    const place = { rowsAt: this.#rowsBytes, rowsBytes: rows.length, rowsCheck: crc32(rows) };
    await this.#entries.appendFile(encodeRecord({ ...entry, ...place }));
    this.#rowsBytes += rows.length;
    this.#count += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#entries.close();
    await this.#rows.close();
  }

  async #isSound(number: number): Promise<boolean> {
    try {
      await this.entry(number);
      return true;
    } catch (error) {
      if (error instanceof IndexDamaged) return false;
      throw error;
    }
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
