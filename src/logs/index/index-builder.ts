import { crc32 } from "node:zlib";
import { RowFolder, LOG_START } from "../rows/row-folder.ts";
import type { ServedLog } from "../served-log.ts";
import { type IndexEntry, RECORD_BYTES } from "./index-entry.ts";
import { IndexDamaged, IndexFile } from "./index-file.ts";
import { rowsAt } from "./read-rows.ts";

/** How far entries are apart. */
const STRETCH_BYTES = 65_536;
/** Further where they have much to tell, so that the index stays small beside the log. */
const ROWS_SHARE = 8;
const STRETCH_MS = 10_000;
/** Sooner where more came than an entry takes: so near is a time found. */
const NEAR_MS = 500;
const CHECKED_BYTES = 256;
const NO_ENTRY = { offset: 0, seenAt: null, check: 0 };

/** Makes the index of one log, going on where it ends. Its calls must not overlap. */
export class IndexBuilder implements AsyncDisposable {
  readonly #base: string;
  #file: IndexFile;
  #folder = new RowFolder();
  /** Of the first byte that was not folded yet. */
  #at = 0;
  #last: Pick<IndexEntry, "offset" | "seenAt" | "check"> = NO_ENTRY;
  readonly #stretchBytes: number;
  #dueBytes: number;
  /** Of the rows that the last entry tells, many where progress bars are drawn. */
  #rowsBytes = 0;
  /** What was there before somebody looked has no time. */
  #isNew: boolean;

  private constructor(base: string, file: IndexFile, stretchBytes: number) {
    this.#base = base;
    this.#file = file;
    this.#stretchBytes = stretchBytes;
    this.#dueBytes = stretchBytes;
    this.#isNew = file.count === 0;
  }

  /** Takes up the index of `log`, or begins anew where there is none, or another log's. */
  static async open(base: string, log: ServedLog, stretchBytes = STRETCH_BYTES): Promise<IndexBuilder> {
    const builder = new IndexBuilder(base, await IndexFile.open(base), stretchBytes);
    try {
      if (!(await builder.#resume(log))) await builder.#beginAnew();
      return builder;
    } catch (error) {
      if (error instanceof IndexDamaged) {
        await builder.#beginAnew();
        return builder;
      }
      await builder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For one that turned out to be damaged and is open nowhere. */
  static async remove(base: string): Promise<void> {
    await IndexFile.remove(base);
  }

  get file(): IndexFile {
    return this.#file;
  }

  /**
   * Brings the index up to what the log has now. `seenAt` is the present time, or null where that would say nothing of when
   * the bytes came, as of a log that has ended; what was there before the index was begun has none unless `isFresh`.
   */
  async advance(
    log: ServedLog,
    seenAt: Date | null,
    options: { isComplete: boolean; isFresh: boolean },
  ): Promise<void> {
    if (!(await this.#isSameLog(log))) {
      // The program has emptied its log. Somebody looked on, so the times are known.
      const wasFollowed = !this.#isNew;
      await this.#beginAnew();
      this.#isNew = !wasFollowed;
    }
    const known = this.#isNew && !options.isFresh ? null : seenAt;
    for (;;) {
      const piece = await log.read(this.#at, this.#stretchBytes);
      if (piece === null) break;
      if (piece.kind === "bytes") this.#folder.push(piece.bytes);
      else this.#folder.skip(piece.bytes, piece.next);
      this.#at = piece.next;
      if (this.#at - this.#last.offset >= this.#dueBytes) await this.#append(log, known);
    }
    if (options.isComplete) this.#folder.end();
    const isDue = options.isComplete || this.#isNew || this.#isLate(seenAt);
    if (this.#at > this.#last.offset && isDue) await this.#append(log, known);
    this.#isNew = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  #isLate(seenAt: Date | null): boolean {
    if (seenAt === null) return false;
    const passedMs = seenAt.getTime() - (this.#last.seenAt?.getTime() ?? 0);
    if (passedMs >= STRETCH_MS) return true;
    return passedMs >= NEAR_MS && this.#at - this.#last.offset >= RECORD_BYTES + this.#rowsBytes;
  }

  async #append(log: ServedLog, now: Date | null): Promise<void> {
    const checkpoint = this.#folder.checkpoint();
    if (checkpoint.offset <= this.#last.offset) return;
    // Found by halving, so times must not go back where the clock does.
    const before = this.#last.seenAt;
    const seenAt = before !== null && (now === null || now < before) ? before : now;
    const entry = { ...checkpoint, seenAt, check: await checkOf(log, checkpoint.offset) };
    await this.#file.append(entry);
    this.#remember(entry);
  }

  #remember({ offset, seenAt, check, changed }: IndexEntry): void {
    this.#last = { offset, seenAt, check };
    const rowsBytes = changed.reduce((sum, row) => sum + row.text.length, 0);
    this.#dueBytes = Math.max(this.#stretchBytes, ROWS_SHARE * rowsBytes);
    this.#rowsBytes = rowsBytes;
  }

  async #resume(log: ServedLog): Promise<boolean> {
    const number = this.#file.count - 1;
    if (number < 0) return true;
    const entry = await this.#file.entry(number);
    this.#remember(entry);
    if (!(await this.#isSameLog(log))) return false;
    const rows = await rowsAt({ log, index: this.#file }, number);
    this.#folder = new RowFolder(entry, rows);
    this.#folder.resumeChanged(entry.changed.map((row) => row.number));
    this.#at = entry.offset;
    return true;
  }

  async #isSameLog(log: ServedLog): Promise<boolean> {
    const { offset, check } = this.#last;
    if (log.writtenBytes < offset) return false;
    const now = check === 0 ? 0 : await checkOf(log, offset);
    return now === 0 || now === check;
  }

  async #beginAnew(): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
    await IndexFile.remove(this.#base);
    this.#file = await IndexFile.open(this.#base);
    this.#folder = new RowFolder(LOG_START);
    this.#at = 0;
    this.#last = NO_ENTRY;
    this.#dueBytes = this.#stretchBytes;
    this.#rowsBytes = 0;
    this.#isNew = true;
  }
}

/** Tells a log from another one that is as long: the bytes right before a place. 0 where they are gone. */
async function checkOf(log: ServedLog, offset: number): Promise<number> {
  let check = 0;
  for (let at = Math.max(0, offset - CHECKED_BYTES); at < offset;) {
    const piece = await log.read(at, offset - at);
    if (piece === null || piece.kind !== "bytes") return 0;
    check = crc32(piece.bytes, check);
    at = piece.next;
  }
  return check;
}
