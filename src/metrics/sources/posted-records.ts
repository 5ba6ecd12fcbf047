import { mkdir, open, truncate } from "../../base/world-files.ts";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../base/sync-folder.ts";
import { writeIbmRecord } from "../ibm-record.ts";
import type { MetricRecord } from "../metric-record.ts";

/** In the folder of a run's points: what programs sent over HTTP, a source like the files that they write. */
export const POSTED_FILE = "posted.jsonl";

/** What a program may send in all; it would take days at any sensible rate. */
const MAX_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly lines: string;
  readonly resolve: (isKept: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps what programs send. A promise that resolves with true means that it is synced to disk; false, that the run has
 * sent too much. Requests that come while one is being synced share the next one.
 */
export class PostedRecords {
  readonly #folder: string;
  readonly #runId: string;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  /** Null until what a crash left was looked at. */
  #bytes: number | null = null;

  constructor(folder: string, runId: string) {
    this.#folder = folder;
    this.#runId = runId;
  }

  async keep(records: readonly MetricRecord[]): Promise<boolean> {
    const lines = records.map((record) => `${writeIbmRecord(record, this.#runId, 0)}\n`).join("");
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#waiting.push({ lines, resolve, reject });
    this.#writing ??= this.#write().finally(() => (this.#writing = null));
    return promise;
  }

  /** Resolves when nothing is on its way to the disk. */
  async settled(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const portion = this.#waiting;
      this.#waiting = [];
      try {
        const bytes = (this.#bytes ??= await this.#recover());
        const isFull = bytes > MAX_BYTES;
        if (!isFull) await this.#append(portion.map(({ lines }) => lines).join(""));
        for (const { resolve } of portion) resolve(!isFull);
      } catch (error) {
        // Half of it may be there; the next one cuts it off.
        this.#bytes = null;
        for (const { reject } of portion) reject(error);
      }
    }
  }

  async #append(text: string): Promise<void> {
    await using file = await open(join(this.#folder, POSTED_FILE), "a");
    await file.appendFile(text);
    await file.datasync();
    this.#bytes = (this.#bytes ?? 0) + Buffer.byteLength(text);
  }

  /** A line that a crash tore is cut off, so that the next one does not continue it. */
  async #recover(): Promise<number> {
    const path = join(this.#folder, POSTED_FILE);
    const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (content === null) {
      await mkdir(this.#folder, { recursive: true });
      {
        await using _file = await open(path, "a");
      }
      await syncFolder(this.#folder);
      // Its own name too: it may have been made a moment ago.
      await syncFolder(dirname(this.#folder));
      return 0;
    }
    const sound = content.lastIndexOf(0x0a) + 1;
    if (sound < content.length) await truncate(path, sound);
    return sound;
  }
}
